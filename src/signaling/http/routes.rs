//! What is at which path: warp filters, each of which answers every method, so that a wrong one
//! gets its 405 and not somebody else's 404.

use super::policy::{content_security_policy, protect};
use super::{AccessKey, Bench, Limits, MAX_OFFER, Refusal};
use futures_util::{Stream, StreamExt, pin_mut};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::http::{Method, StatusCode};
use warp::reply::{Reply, Response};
use warp::{Buf, Filter};

/// How much of a body that is too long is read before the refusal: a client that is still sending
/// when the connection is closed never sees why.
const DRAIN: usize = 1024 * 1024;

/// Where a request comes from; put into its extensions by the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) SocketAddr);

/// What the filters share.
struct Shared {
    key: AccessKey,
    bench: Arc<dyn Bench>,
    limits: Limits,
}

/// The page at `/`, WHEP at `/whep`.
pub(super) fn routes(
    page: &'static str,
    key: AccessKey,
    bench: Arc<dyn Bench>,
    limits: Limits,
) -> BoxedFilter<(Response,)> {
    let page = Arc::new(Page::new(page));
    let shared = Arc::new(Shared { key, bench, limits });

    let page = warp::path::end()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .map(move |method, headers: HeaderMap| page.reply(&method, &headers));
    let icon = warp::path!("favicon.ico").map(|| status(StatusCode::NO_CONTENT));
    let endpoint = warp::path!("whep")
        .and(with(shared.clone()))
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Client>())
        .and(warp::body::stream())
        .then(
            |shared: Arc<Shared>, method, headers: HeaderMap, client, body| async move {
                endpoint(&shared, &method, &headers, client, body).await
            },
        )
        .map(cross_origin);
    let session = warp::path!("whep" / String)
        .and(with(shared))
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .then(
            |id: String, shared: Arc<Shared>, method, headers: HeaderMap| async move {
                session(&shared, &id, &method, &headers).await
            },
        )
        .map(cross_origin);
    let nothing = warp::any().map(|| {
        text(
            StatusCode::NOT_FOUND,
            "there is nothing here: the page is at /, WHEP at /whep",
        )
    });

    // boxed() keeps the nested types, and compile times, short.
    page.boxed()
        .or(icon.boxed())
        .unify()
        .or(endpoint.boxed())
        .unify()
        .or(session.boxed())
        .unify()
        .or(nothing)
        .unify()
        .map(|mut response: Response| {
            protect(response.headers_mut());
            response
        })
        .boxed()
}

fn with(
    shared: Arc<Shared>,
) -> impl Filter<Extract = (Arc<Shared>,), Error = std::convert::Infallible> + Clone {
    warp::any().map(move || shared.clone())
}

/// The page and what is computed from it once.
struct Page {
    text: &'static str,
    policy: String,
    etag: String,
}

impl Page {
    fn new(text: &'static str) -> Self {
        let hash = Sha256::digest(text);
        let etag: String = hash
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            text,
            policy: content_security_policy(text),
            etag: format!("\"{etag}\""),
        }
    }

    fn reply(&self, method: &Method, headers: &HeaderMap) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return not_allowed("GET, HEAD");
        }
        let known = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim().trim_start_matches("W/") == self.etag);
        let mut response = match known {
            true => status(StatusCode::NOT_MODIFIED),
            // hyper leaves the body out of the response to HEAD.
            false => warp::reply::html(self.text).into_response(),
        };
        set(&mut response, header::ETAG, &self.etag);
        set(&mut response, header::CACHE_CONTROL, "no-cache");
        set(&mut response, header::CONTENT_SECURITY_POLICY, &self.policy);
        set(
            &mut response,
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        );
        response
    }
}

/// The WHEP endpoint: offers are posted to it.
async fn endpoint(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    client: Option<Client>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    const ALLOW: &str = "POST, OPTIONS";
    match *method {
        Method::OPTIONS => return preflight(ALLOW),
        Method::POST => {}
        _ => return not_allowed(ALLOW),
    }
    // The body first: while it is still being sent a client does not listen to refusals.
    let body = match tokio::time::timeout(shared.limits.body, read(body)).await {
        Ok(body) => body,
        Err(_) => {
            return close(text(
                StatusCode::REQUEST_TIMEOUT,
                "the offer came too slowly: try again",
            ));
        }
    };
    if let Some(refusal) = unauthorised(shared, headers).await {
        return refusal;
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let content_type = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if !content_type.trim().eq_ignore_ascii_case("application/sdp") {
        let mut response = text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the offer as application/sdp",
        );
        set(
            &mut response,
            HeaderName::from_static("accept-post"),
            "application/sdp",
        );
        return response;
    }
    let offer = match body {
        Body::Whole(bytes) => String::from_utf8(bytes),
        Body::TooLong => {
            return close(text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the offer is longer than 64 KiB: offer fewer tracks",
            ));
        }
        Body::Broken => {
            return close(text(
                StatusCode::BAD_REQUEST,
                "the offer did not arrive whole: try again",
            ));
        }
    };
    let (Ok(offer), Some(Client(from))) = (offer, client) else {
        return text(StatusCode::BAD_REQUEST, "the offer is not text: send SDP");
    };
    match shared.bench.answer(offer, from).await {
        Ok(session) => {
            let mut response =
                warp::reply::with_status(session.answer, StatusCode::CREATED).into_response();
            set(&mut response, header::CONTENT_TYPE, "application/sdp");
            set(
                &mut response,
                header::LOCATION,
                &format!("/whep/{}", session.id),
            );
            set(
                &mut response,
                header::ETAG,
                &format!("\"{}\"", session.etag),
            );
            response
        }
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(refusal: &Refusal) -> Response {
    let code = match refusal {
        Refusal::BadOffer(_) => StatusCode::BAD_REQUEST,
        Refusal::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
        Refusal::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = text(code, &refusal.to_string());
    if matches!(refusal, Refusal::Full(_)) {
        set(&mut response, header::RETRY_AFTER, "10");
    }
    response
}

/// A WHEP session. Without trickle and ICE restarts there is nothing to `PATCH`
/// (draft-ietf-wish-whep, section 4.3).
async fn session(shared: &Shared, id: &str, method: &Method, headers: &HeaderMap) -> Response {
    const ALLOW: &str = "DELETE, OPTIONS";
    match *method {
        Method::OPTIONS => return preflight(ALLOW),
        Method::DELETE => {}
        _ => return not_allowed(ALLOW),
    }
    if let Some(refusal) = unauthorised(shared, headers).await {
        return refusal;
    }
    match shared.bench.end(id) {
        true => text(StatusCode::OK, "the session has ended"),
        false => text(
            StatusCode::NOT_FOUND,
            "there is no such session: it has ended already",
        ),
    }
}

/// The refusal for whoever does not have the key (RFC 6750, section 3).
async fn unauthorised(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    if key.is_some_and(|key| shared.key.matches(key)) {
        return None;
    }
    // Keys that people choose are short enough to be guessed at full speed.
    if key.is_some() {
        tokio::time::sleep(shared.limits.wrong_key).await;
    }
    let mut response = text(
        StatusCode::UNAUTHORIZED,
        "the key is missing or wrong: open the address that the console printed, with all that follows its #",
    );
    set(
        &mut response,
        header::WWW_AUTHENTICATE,
        "Bearer realm=\"periscope\"",
    );
    Some(response)
}

/// A request's body.
enum Body {
    Whole(Vec<u8>),
    TooLong,
    Broken,
}

async fn read(body: impl Stream<Item = Result<impl Buf, warp::Error>>) -> Body {
    pin_mut!(body);
    let mut whole = Vec::new();
    let mut length = 0;
    while let Some(part) = body.next().await {
        let Ok(mut part) = part else {
            return Body::Broken;
        };
        length += part.remaining();
        if length > DRAIN {
            break;
        }
        while length <= MAX_OFFER && part.has_remaining() {
            let chunk = part.chunk();
            let taken = chunk.len();
            whole.extend_from_slice(chunk);
            part.advance(taken);
        }
    }
    if length > MAX_OFFER {
        Body::TooLong
    } else {
        Body::Whole(whole)
    }
}

/// The answer to a browser that asks before it sends (CORS preflight), and to WHEP clients that
/// want to know what to post.
fn preflight(methods: &'static str) -> Response {
    let mut response = status(StatusCode::NO_CONTENT);
    set(&mut response, header::ALLOW, methods);
    set(
        &mut response,
        HeaderName::from_static("accept-post"),
        "application/sdp",
    );
    set(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    set(
        &mut response,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type, If-Match",
    );
    set(&mut response, header::ACCESS_CONTROL_MAX_AGE, "7200");
    // For browsers that ask before a page reaches into a private network.
    set(
        &mut response,
        HeaderName::from_static("access-control-allow-private-network"),
        "true",
    );
    response
}

/// Lets pages from anywhere, such as the one opened from disk, see a response. The key, not the
/// origin, says who may ask.
fn cross_origin(mut response: Response) -> Response {
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        &mut response,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Location, ETag, Accept-Post, Retry-After",
    );
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(
        &mut response,
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    );
    response
}

fn not_allowed(methods: &'static str) -> Response {
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("only {methods} here"),
    );
    set(&mut response, header::ALLOW, methods);
    response
}

/// Ends the connection with this response: what else comes on it is not to be understood.
fn close(mut response: Response) -> Response {
    set(&mut response, header::CONNECTION, "close");
    response
}

fn status(code: StatusCode) -> Response {
    code.into_response()
}

/// One line of plain text.
fn text(code: StatusCode, message: &str) -> Response {
    let line: String = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut response = warp::reply::with_status(line + "\n", code).into_response();
    set(
        &mut response,
        header::CONTENT_TYPE,
        "text/plain; charset=utf-8",
    );
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // All values are ours but a session's name and tag, which are ASCII by their contract.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
