//! Headers that keep the page to itself: what it may load, and who may embed it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use warp::http::header::{HeaderMap, HeaderName, HeaderValue};

/// Headers of every response. No `Strict-Transport-Security` (RFC 6797): http stays open, and a
/// browser that has seen it lets nobody make an exception for our certificate any more.
const COMMON: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    // The key is in the fragment, which browsers never send; this is for what follows.
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// Puts the common headers into a response.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in COMMON {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// The `Content-Security-Policy` for a self-contained page (CSP 3): its own inline scripts and
/// styles by their hashes, nothing from elsewhere; it may talk to any bench on the LAN.
pub(super) fn content_security_policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self' http: https:; \
         img-src 'self' data: blob:; media-src blob:; font-src data:; worker-src blob:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        sources(page, "script"),
        sources(page, "style"),
    )
}

fn sources(page: &str, element: &str) -> String {
    let hashes: Vec<String> = inline(page, element)
        // The parser hands over line ends as LF (HTML, section 13.2.3.5).
        .map(|content| content.replace("\r\n", "\n").replace('\r', "\n"))
        .map(|content| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content))))
        .collect();
    match hashes.as_slice() {
        [] => "'none'".to_owned(),
        hashes => hashes.join(" "),
    }
}

/// The contents of all elements of a name that have any. Enough for the page that we build; what
/// it overlooks does not run.
fn inline<'a>(page: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}"), format!("</{element}"));
    // The same length: only ASCII letters are changed.
    let lower = page.to_ascii_lowercase();
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + lower[position..].find(&open)? + open.len();
        position = start;
        // Not <stylesheet>.
        let named = lower[start..].starts_with(['>', ' ', '\n', '\r', '\t', '/']);
        if !named {
            return Some("");
        }
        let content = start + lower[start..].find('>')? + 1;
        let end = content + lower[content..].find(&close)?;
        position = end;
        Some(&page[content..end])
    })
    .filter(|content| !content.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_and_styles_are_allowed_by_their_hash() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let hash = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        let page = "<!doctype html><STYLE>p{}</STYLE><script type=\"module\">alert(1)</script>\
            <stylesheet>no</stylesheet><script src=x></script><p>ä</p><script>\r\n</script>";
        let policy = content_security_policy(page);
        assert!(
            policy.contains(&format!("script-src {hash} 'sha256-")),
            "{policy}"
        );
        assert_eq!(policy.matches("sha256-").count(), 3);
        assert!(policy.contains("default-src 'none'"));
    }

    #[test]
    fn a_page_without_scripts_may_run_none() {
        let policy = content_security_policy("<p>hello</p><script");
        assert!(
            policy.contains("script-src 'none'; style-src 'none'"),
            "{policy}"
        );
    }
}
