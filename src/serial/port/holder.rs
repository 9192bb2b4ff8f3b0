//! Who has a device: what to tell a person who cannot open it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// The processes that have the device open, as far as this user may see them.
pub(super) fn describe(device: &Path) -> String {
    let Ok(wanted) = fs::metadata(device) else {
        return "another program".to_owned();
    };
    let own = std::process::id();
    let holders: Vec<String> = processes()
        .filter(|&process| holds(process, |file| is_same(file, &wanted)))
        .map(|process| match process == own {
            true => "another element of this program".to_owned(),
            false => name(process),
        })
        .collect();
    match holders.as_slice() {
        [] => "another program, which this user may not see".to_owned(),
        holders => holders.join(" and "),
    }
}

/// The process that keeps the pseudo-terminal with this number alive, other than this one.
pub(super) fn of_pseudo_terminal(number: &str) -> Option<String> {
    let line = format!("tty-index:\t{number}");
    let own = std::process::id();
    processes()
        .filter(|&process| process != own)
        .find(|process| {
            entries(&format!("/proc/{process}/fdinfo")).any(|entry| {
                fs::read_to_string(entry.path())
                    .is_ok_and(|info| info.lines().any(|found| found == line))
            })
        })
        .map(name)
}

/// The group that may open the device, if it is not root's own.
pub(super) fn group(device: &Path) -> String {
    let wanted = fs::metadata(device)
        .map(|metadata| metadata.gid())
        .unwrap_or(0);
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .filter(|_| wanted != 0)
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == wanted.to_string()).then(|| name.to_owned())
        })
        .unwrap_or_else(|| "dialout".to_owned())
}

fn processes() -> impl Iterator<Item = u32> {
    entries("/proc").filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn entries(directory: &str) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten()
}

fn holds(process: u32, is_it: impl Fn(&fs::Metadata) -> bool) -> bool {
    entries(&format!("/proc/{process}/fd"))
        .any(|entry| fs::metadata(entry.path()).is_ok_and(|file| is_it(&file)))
}

fn is_same(file: &fs::Metadata, wanted: &fs::Metadata) -> bool {
    file.file_type().is_char_device() && file.rdev() == wanted.rdev()
}

fn name(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    format!("{} (process {process})", name.trim())
}
