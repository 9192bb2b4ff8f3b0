use super::*;
use crate::signaling::code::Rights;
use crate::signaling::fingerprint::Fingerprint;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const NOW: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn open(path: &Path) -> (Identity, Option<String>) {
    Identity::open(Source::File(path.to_owned()), now()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_bench_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/periscope/identity.json");
    let (before, warning) = open(&path);
    assert_eq!(warning, None);
    let mut codes = before.codes();
    let (code, kept) = before.change_codes(&mut codes, |codes| {
        codes.standing(Rights::View, now()).unwrap()
    });
    kept.unwrap();

    let (after, warning) = open(&path);
    assert_eq!(warning, None);
    assert_eq!(after.certificate_pem(), before.certificate_pem());
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(after.mdns_name(), before.mdns_name());
    assert_eq!(after.codes(), codes);
    assert_eq!(after.codes().find(&code.id(), now()), Some(&code));
}

#[test]
fn the_name_begins_with_the_fingerprint() {
    let (identity, _) = Identity::open(Source::None, now()).unwrap();
    let hex: String = identity.fingerprint()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(identity.mdns_name(), format!("periscope-{hex}.local"));
}

/// What browsers are shown.
fn web(identity: &Identity) -> Vec<u8> {
    identity.tls_certificate().certificate
}

#[test]
fn browsers_see_the_same_certificate_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (before, _) = open(&path);
    let (after, warning) = open(&path);
    assert_eq!(warning, None);
    assert_eq!(web(&after), web(&before));
    assert!(before.keeps_tls_certificate() && after.keeps_tls_certificate());
    let (new, _) = Identity::open(Source::None, now()).unwrap();
    assert!(!new.keeps_tls_certificate());
}

#[test]
fn both_certificates_are_for_one_key() {
    let (identity, _) = Identity::open(Source::None, now()).unwrap();
    let tls = identity.tls_certificate();
    let key = rcgen::KeyPair::try_from(tls.key.as_slice()).unwrap();
    assert!(identity.certificate_pem().contains(&key.serialize_pem()));
    assert!(certificate::is_for(&tls.certificate, &key));
    assert_ne!(
        Fingerprint::of_der(&tls.certificate),
        Fingerprint::sha256(&identity.fingerprint())
    );
}

/// Takes the certificate for browsers out of a file, as before there was https.
fn make_old(path: &Path) -> String {
    let mut value: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("web").unwrap();
    fs::write(path, value.to_string()).unwrap();
    value.to_string()
}

#[test]
fn a_file_from_before_https_gets_a_certificate_for_browsers_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (first, _) = open(&path);
    let mut codes = first.codes();
    let make = |codes: &mut Codes| codes.make(Rights::View, false, None, now()).unwrap();
    first.change_codes(&mut codes, make).1.unwrap();
    make_old(&path);

    let (before, warning) = open(&path);
    assert_eq!(warning, None);
    assert_eq!(before.certificate_pem(), first.certificate_pem());
    assert_eq!(before.codes(), codes);
    assert!(before.keeps_tls_certificate());
    assert_eq!(web(&open(&path).0), web(&before));
}

#[test]
fn a_damaged_certificate_for_browsers_costs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (first, _) = open(&path);
    let foreign = folder.path().join("foreign.json");
    open(&foreign);
    let member = |path: &Path| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    for damaged in ["", "-----BEGIN", member(&foreign)["web"].as_str().unwrap()] {
        let mut value = member(&path);
        value["web"] = damaged.into();
        fs::write(&path, value.to_string()).unwrap();
        let (after, warning) = open(&path);
        assert_eq!(warning, None);
        assert_eq!(after.certificate_pem(), first.certificate_pem());
        assert_eq!(web(&open(&path).0), web(&after));
    }
}

#[test]
fn an_earlier_version_on_the_same_file_does_not_end_the_certificate_for_browsers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (before, _) = open(&path);
    make_old(&path);
    let make = |codes: &mut Codes| codes.make(Rights::View, false, None, now()).unwrap();
    before.change_codes(&mut before.codes(), make).1.unwrap();
    assert_eq!(web(&open(&path).0), web(&before));
}

#[test]
fn an_old_file_that_cannot_be_written_still_serves_https() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    open(&path);
    let old = make_old(&path);
    let lock = folder.path().join("identity.json.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let (after, warning) = open(&path);
    assert!(warning.unwrap().contains("end with the process"));
    assert!(!web(&after).is_empty() && !after.keeps_tls_certificate());
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
}

#[test]
fn an_identity_that_is_not_kept_is_another_one_each_time() {
    let (one, warning) = Identity::open(Source::None, now()).unwrap();
    assert_eq!(warning, None);
    let (other, _) = Identity::open(Source::None, now()).unwrap();
    assert_ne!(one.fingerprint(), other.fingerprint());
    let mut codes = one.codes();
    let (made, kept) = one.change_codes(&mut codes, |codes| {
        codes.make(Rights::View, true, None, now()).unwrap()
    });
    kept.unwrap();
    assert_eq!(codes.find(&made.id(), now()), Some(&made));
}

#[test]
fn file_and_folder_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("periscope/identity.json");
    open(&path);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    // Nothing is left of the writing.
    let kept = ["identity.json", "identity.json.lock"];
    assert_eq!(names(path.parent().unwrap()), kept);
    for name in kept {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn what_is_open_to_others_is_closed_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("periscope/identity.json");
    let store = || Store::private(path.clone());
    store().open(now(), Content::new).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let parent = path.parent().unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();

    let warnings = store().open(now(), Content::new).unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .all(|text| text.contains("was open to other users"))
    );
    assert_eq!((mode(&path), mode(parent)), (0o600, 0o700));
    let warnings = store().open(now(), Content::new).unwrap().warnings;
    assert_eq!(warnings, [] as [String; 0]);
}

#[test]
fn the_folder_of_a_named_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (_, warning) = open(&folder.path().join("bench"));
    assert_eq!(warning, None);
    assert_eq!(mode(folder.path()), 0o755);
}

#[test]
fn a_broken_file_is_set_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (before, _) = open(&path);
    let whole = fs::read_to_string(&path).unwrap();
    let twice = {
        let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let code = r#"{"secret":"AAECAwQFBgcICQoLDA0ODw","rights":"view","once":false,
                       "expires":null,"created":1}"#;
        let code: serde_json::Value = serde_json::from_str(code).unwrap();
        value["codes"] = vec![code.clone(), code].into();
        value.to_string()
    };
    let damaged: [Vec<u8>; 7] = [
        Vec::new(),
        whole[..whole.len() / 2].into(),
        whole.replace("BEGIN CERTIFICATE", "BEGIN").into(),
        whole.replace("\"version\": 1", "\"version\": 0").into(),
        twice.into(),
        vec![0xff; 100],
        vec![b' '; 300_000],
    ];
    for (count, bytes) in damaged.into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        let (after, warning) = open(&path);
        // All in the same second.
        let name = format!("identity.broken-{}.json", NOW + count as u64);
        let warning = warning.unwrap();
        assert!(warning.contains(&name), "{warning}");
        assert_eq!(fs::read(path.with_file_name(name)).unwrap(), bytes);
        assert_ne!(after.fingerprint(), before.fingerprint());
        assert_eq!(open(&path).1, None);
    }
}

#[test]
fn a_report_of_a_broken_file_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    open(&path);
    let text = fs::read_to_string(&path).unwrap();
    let codes = r#""codes": ["AAECAwQFBgcICQoLDA0ODw"]"#;
    fs::write(&path, text.replace("\"codes\": []", codes)).unwrap();
    let warning = open(&path).1.unwrap();
    assert!(warning.contains("damaged at line"), "{warning}");
    assert!(!warning.contains("AAECAw"), "{warning}");
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let later = r#"{"version":2,"certificates":[]}"#;
    fs::write(&path, later).unwrap();
    let error = Identity::open(Source::File(path.clone()), now()).unwrap_err();
    assert!(
        matches!(error, IdentityError::LaterVersion { version: 2, .. }),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), later);
}

#[test]
fn what_cannot_be_written_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.join("identity.json"), folder.path().to_owned()] {
        let error = Identity::open(Source::File(path), now()).unwrap_err();
        assert!(error.to_string().contains("identity=none"), "{error}");
    }
}

#[test]
fn what_can_be_read_and_not_written_is_used_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (before, _) = open(&path);
    let lock = folder.path().join("identity.json.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let (after, warning) = open(&path);
    assert_eq!(after.fingerprint(), before.fingerprint());
    let warning = warning.unwrap();
    assert!(warning.contains("end with the process"), "{warning}");
    let mut codes = after.codes();
    let (made, kept) = after.change_codes(&mut codes, |codes| {
        codes.make(Rights::View, false, None, now()).unwrap()
    });
    assert!(kept.is_err());
    assert_eq!(codes.find(&made.id(), now()), Some(&made));
}

#[test]
fn a_folder_in_the_place_of_the_file_is_not_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents");
    fs::create_dir(&path).unwrap();
    assert!(Identity::open(Source::File(path.clone()), now()).is_err());
    assert!(path.is_dir());
}

#[test]
fn what_one_process_changes_the_other_does_not_undo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (one, _) = open(&path);
    let (other, _) = open(&path);
    let (mut ones, mut others) = (one.codes(), other.codes());
    let make = |codes: &mut Codes| codes.make(Rights::View, false, None, now()).unwrap();

    let (first, kept) = one.change_codes(&mut ones, make);
    kept.unwrap();
    let (second, kept) = other.change_codes(&mut others, make);
    kept.unwrap();
    assert_eq!(others.active(now()).collect::<Vec<_>>(), [&first, &second]);

    let revoke = |codes: &mut Codes| codes.revoke(&first.id().to_string()).unwrap();
    let (_, kept) = one.change_codes(&mut ones, revoke);
    kept.unwrap();
    let (third, kept) = other.change_codes(&mut others, make);
    kept.unwrap();
    assert_eq!(others.active(now()).collect::<Vec<_>>(), [&second, &third]);
    assert_eq!(open(&path).0.codes(), others);
}

#[test]
fn many_processes_at_once_lose_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (identity, warning) = open(&path);
                assert_eq!(warning, None);
                let mut codes = identity.codes();
                for _ in 0..4 {
                    let (_, kept) = identity.change_codes(&mut codes, |codes| {
                        codes.make(Rights::View, false, None, now()).unwrap()
                    });
                    kept.unwrap();
                }
            });
        }
    });
    assert_eq!(open(&path).0.codes().active(now()).count(), 32);
}

#[test]
fn a_change_that_changes_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (identity, _) = open(&path);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let (_, kept) = identity.change_codes(&mut identity.codes(), |codes| {
        codes.forget_expired(now());
    });
    kept.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
}

#[test]
fn a_file_that_was_removed_is_written_anew_with_the_same_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (identity, _) = open(&path);
    let mut codes = identity.codes();
    let make = |codes: &mut Codes| codes.make(Rights::View, false, None, now()).unwrap();
    identity.change_codes(&mut codes, make).1.unwrap();
    fs::remove_file(&path).unwrap();
    identity.change_codes(&mut codes, make).1.unwrap();
    assert_eq!(codes.active(now()).count(), 2);
    let (after, _) = open(&path);
    assert_eq!(after.fingerprint(), identity.fingerprint());
    assert_eq!(web(&after), web(&identity));
    assert_eq!(after.codes(), codes);
}

#[test]
fn a_change_that_cannot_be_kept_is_good_for_this_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let (identity, _) = open(&path);
    let broken = "{";
    fs::write(&path, broken).unwrap();
    let mut codes = identity.codes();
    let (made, kept) = identity.change_codes(&mut codes, |codes| {
        codes.make(Rights::View, false, None, now()).unwrap()
    });
    let error = kept.unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    assert_eq!(codes.find(&made.id(), now()), Some(&made));
    assert_eq!(fs::read_to_string(&path).unwrap(), broken);
}

#[test]
fn state_is_kept_where_the_desktop_says() {
    let path = |xdg: Option<&str>, home: Option<&str>| {
        default_path(xdg.map(Into::into), home.map(Into::into)).ok()
    };
    let file = |folder: &str| Some(Path::new(folder).join("periscope/identity.json"));
    assert_eq!(path(Some("/s"), Some("/h")), file("/s"));
    assert_eq!(path(None, Some("/h")), file("/h/.local/state"));
    assert_eq!(path(Some("relative"), Some("/h")), file("/h/.local/state"));
    assert_eq!(path(Some(""), Some("/h")), file("/h/.local/state"));
    assert_eq!(path(Some(""), Some("relative")), None);
    assert_eq!(path(None, None), None);
}
