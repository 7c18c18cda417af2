use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jabber_archive_core::{Error, ErrorClass, ErrorKind};
use object_store::client::HttpError;
use serde::Deserialize;

/// Why a request has not done what it was to do.
///
/// It travels through the store's library as the source of an error, because that library hides statuses and headers.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(super) class: ErrorClass,
    /// Whether a setting is at fault, and not the store.
    pub(super) is_setting: bool,
    /// The service's own word for it, such as `ContainerNotFound`.
    pub(super) code: String,
    pub(super) what: String,
    pub(super) advice: Option<String>,
    pub(super) wait: Option<Duration>,
    pub(super) cause: Option<Arc<HttpError>>,
}

/// A right is lacking: perhaps only that to overwrite what is there, which is never asked for.
pub(super) const NO_RIGHT: &str = "AuthorizationPermissionMismatch";

/// What an answer means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// The store's library knows what to do with it.
    Answer,
    /// Something is there already, in whatever words that was said.
    Exists,
    /// It is none.
    Refused(Refusal),
}

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The container: its list, or its making.
    Container,
    /// A blob that is read.
    Read,
    /// A blob that is to appear.
    Create,
    /// A part of one.
    Block,
}

/// The meaning of an answer of Blob Storage. Codes: <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes>
///
/// | answer | meaning |
/// |---|---|
/// | success | answer |
/// | 404 of a blob | answer |
/// | to a put: 409 `BlobAlreadyExists`, 409 `BlobImmutableDueToPolicy`, 412 `ConditionNotMet`, 403 `UnauthorizedBlobOverwrite` | exists: the caller compares |
/// | 403 `AuthorizationPermissionMismatch` and 400 `InvalidBlockList` to a put | exists, if a HEAD says so |
/// | 400 `Md5Mismatch`, 408, 409 `ContainerBeingDeleted`, 429, 5xx | transient; Retry-After is obeyed |
/// | 401, 403 `AuthenticationFailed`, 403 `AuthorizationFailure` | credential: fetched anew |
/// | 413 | item |
/// | every other one | fatal |
pub(super) fn of_blob_service(subject: Subject, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Meaning {
    if status.is_success() {
        return Meaning::Answer;
    }
    let code = code(headers, body);
    let puts = matches!(subject, Subject::Create | Subject::Block);
    match (status.as_u16(), code.as_str()) {
        // A HEAD has no body, and a proxy on the way may drop the header.
        (404, "BlobNotFound" | "") if subject == Subject::Read => return Meaning::Answer,
        (409, "BlobAlreadyExists" | "BlobImmutableDueToPolicy") | (412, "ConditionNotMet" | "") | (403, "UnauthorizedBlobOverwrite")
            if puts =>
        {
            return Meaning::Exists;
        }
        _ => {}
    }
    let rights = match subject {
        Subject::Block => "give the credential the right to write: large files go in blocks, for which a SAS needs `rcwl`",
        _ => "give the credential the right to read, list and create: a SAS with `rcl`, or the role Storage Blob Data Contributor",
    };
    let (class, what, advice) = match (status.as_u16(), code.as_str()) {
        (400, "Md5Mismatch") => (ErrorClass::Transient, "what arrived is not what was sent", ""),
        (409, "ContainerBeingDeleted") => (ErrorClass::Transient, "the container is being deleted", ""),
        (429, _) | (503, "ServerBusy") => (ErrorClass::Transient, "the service is busy", ""),
        (408 | 500..=599, _) => (ErrorClass::Transient, "the service failed", ""),
        (401, _) | (403, "AuthenticationFailed") => (
            ErrorClass::Credential,
            "the credential is refused",
            "check it under [sink]: has it run out, is it for this account, and is this machine's clock right?",
        ),
        (403, "AuthorizationFailure") => (
            ErrorClass::Credential,
            "the credential is refused from here",
            "check it under [sink], and allow this machine in the account's network rules",
        ),
        (403, "KeyBasedAuthenticationNotPermitted") => {
            (ErrorClass::Fatal, "the account takes no keys", "sign in with `client_secret`, `managed_identity` or `workload_identity`")
        }
        (403, "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions") => (ErrorClass::Fatal, "not permitted", rights),
        (403, "AuthorizationSourceIPMismatch") => (
            ErrorClass::Fatal,
            "not permitted from here",
            "make a SAS whose range of addresses (`sip`) has this machine's, as the service sees it",
        ),
        (403, "AuthorizationProtocolMismatch") => (ErrorClass::Fatal, "not permitted", "make a SAS for the protocol of `endpoint` (`spr`)"),
        (403, "AuthorizationResourceTypeMismatch" | "AuthorizationServiceMismatch") => (
            ErrorClass::Fatal,
            "not permitted",
            "make a SAS of the container, or one of the account for blobs (`ss=b`), containers and objects (`srt=co`)",
        ),
        (403, "AccountIsDisabled") => (ErrorClass::Fatal, "the account is disabled", "see to its subscription"),
        (403, "") => (ErrorClass::Fatal, "not permitted", "no service of Azure says it so: ask who runs the proxy or firewall on the way"),
        (403, _) => (ErrorClass::Fatal, "not permitted", "see what its code means, and what the credential may do"),
        (404, "ContainerNotFound") => (ErrorClass::Fatal, "the container is not there", ""),
        (404, _) => (ErrorClass::Fatal, "there is no such account or address", "check `account` and `endpoint` under [sink]"),
        (409, "BlobArchived" | "BlobBeingRehydrated") => (
            ErrorClass::Fatal,
            "it is in the archive tier and cannot be read",
            "move it to the cool or hot tier (`az storage blob set-tier`), and wait until that is done",
        ),
        (409 | 412, _) => {
            (ErrorClass::Fatal, "the service does not allow it", "see what its code means: a lease, a tier, a disabled account")
        }
        (413, _) => (ErrorClass::Item, "it is larger than the service takes at once", "lower `max_item_bytes`"),
        (300..=399, _) => (ErrorClass::Fatal, "the address answers with a redirect", "check `endpoint` under [sink]"),
        (407, _) => {
            (ErrorClass::Fatal, "the proxy asks for a sign-in", "set HTTPS_PROXY with a name and password, or NO_PROXY for this host")
        }
        _ => (ErrorClass::Fatal, "the service does not take the request", "please report this with the code"),
    };
    let mut refusal = Refusal::new(class, format!("{what} ({})", said(status, &code, headers)));
    if !advice.is_empty() {
        refusal.advice = Some(advice.to_owned());
    }
    refusal.wait = retry_after(headers);
    refusal.code = code;
    Meaning::Refused(refusal)
}

/// The meaning of what a token endpoint of Entra ID or of a managed identity answers.
///
/// | answer | meaning |
/// |---|---|
/// | success | answer |
/// | 404, 408, 410, 429, 5xx | transient, as the documentation of managed identities asks |
/// | every other one | credential |
pub(super) fn of_token_service(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Meaning {
    /// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        error: String,
        #[serde(default)]
        error_description: String,
    }

    if status.is_success() {
        return Meaning::Answer;
    }
    let Answer { error, error_description } =
        serde_json::from_slice(body).unwrap_or(Answer { error: String::new(), error_description: String::new() });
    let error = clean(&error, 80);
    let mut refusal = match status.as_u16() {
        404 | 408 | 410 | 429 | 500..=599 => {
            Refusal::new(ErrorClass::Transient, format!("the token service failed ({})", said(status, &error, headers)))
        }
        _ => {
            let mut refusal = Refusal::new(
                ErrorClass::Credential,
                format!("the token service refuses the sign-in ({}{})", said(status, &error, headers), reason(&error_description)),
            );
            refusal.advice = Some("check `tenant_id`, `client_id` and the secret or identity under [sink]".to_owned());
            refusal
        }
    };
    refusal.wait = retry_after(headers);
    Meaning::Refused(refusal)
}

impl Refusal {
    pub(super) fn new(class: ErrorClass, what: impl Into<String>) -> Self {
        Self { class, is_setting: false, code: String::new(), what: what.into(), advice: None, wait: None, cause: None }
    }

    /// A secret is not to be had, or is none.
    pub(super) fn of_setting(error: &Error) -> Self {
        let what = match error.source() {
            Some(cause) => format!("{error} ({cause})"),
            None => error.to_string(),
        };
        Self { is_setting: true, ..Self::new(ErrorClass::Credential, what) }
    }

    /// There was no answer at all, or only a part of one.
    pub(super) fn of_transport(error: HttpError) -> Self {
        let mut refusal = match error.kind() {
            object_store::client::HttpErrorKind::Connect => Self {
                advice: Some("check `account` and `endpoint` under [sink], this machine's name service, and HTTPS_PROXY".to_owned()),
                ..Self::new(ErrorClass::Transient, "the service cannot be reached")
            },
            _ => Self::new(ErrorClass::Transient, "the connection was lost"),
        };
        refusal.cause = Some(Arc::new(error));
        refusal
    }

    /// The service took too long.
    pub(super) fn too_slow(limit: Duration) -> Self {
        Self::new(ErrorClass::Transient, format!("no answer within {} s", limit.as_secs_f32()))
    }

    /// What the store's library was told, if it was told of a refusal.
    pub(crate) fn within<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref() {
                return Some(refusal);
            }
            next = error.source();
        }
        None
    }

    /// As the error of an operation on a thing.
    pub(crate) fn error(&self, kind: ErrorKind, operation: &'static str, subject: impl fmt::Display) -> Error {
        let kind = if self.is_setting { ErrorKind::Config } else { kind };
        let mut error = Error::new(kind, self.class, operation, self.what.as_str()).about(subject);
        if let Some(advice) = &self.advice {
            error = error.advise(advice.as_str());
        }
        if let Some(wait) = self.wait {
            error = error.retry_after(wait);
        }
        if let Some(cause) = &self.cause {
            error = error.because(cause.clone());
        }
        error
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The code of an error: in a header, or in `<Error><Code>` of the body.
fn code(headers: &HeaderMap, body: &[u8]) -> String {
    let header = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
    let in_body = || {
        let text = std::str::from_utf8(body).ok()?;
        Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0)
    };
    header.or_else(in_body).unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(80).collect()
}

/// Text of somebody else, fit to be shown.
fn clean(text: &str, longest: usize) -> String {
    text.chars().filter(|char| !char.is_control()).take(longest).collect()
}

/// The first words of a reason such as `AADSTS7000215: Invalid client secret provided.`: what follows are trace ids.
fn reason(description: &str) -> String {
    let first = description.lines().next().unwrap_or_default();
    let first = first.split(" Trace ID").next().unwrap_or_default();
    let first = clean(first, 200);
    if first.is_empty() { first } else { format!(", {first}") }
}

fn said(status: StatusCode, code: &str, headers: &HeaderMap) -> String {
    let request = headers.get("x-ms-request-id").and_then(|id| id.to_str().ok()).map(|id| format!(", request {}", clean(id, 80)));
    let code = if code.is_empty() { status.canonical_reason().unwrap_or_default() } else { code };
    format!("{} {code}{}", status.as_u16(), request.unwrap_or_default())
}

/// How long the service asks to be left alone, in seconds as Azure says it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use ErrorClass::{Credential, Fatal, Item, Transient};

    use super::*;

    fn answer(subject: Subject, status: u16, code: &str) -> Meaning {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>…</Message></Error>");
        of_blob_service(subject, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn what_a_refusal_of_the_blob_service_means_is_told_by_status_and_code() {
        for (status, code, class) in [
            (400, "Md5Mismatch", Transient),
            (400, "InvalidBlockList", Fatal),
            (400, "InvalidHeaderValue", Fatal),
            (401, "InvalidAuthenticationInfo", Credential),
            (403, "AuthenticationFailed", Credential),
            (403, "AuthorizationFailure", Credential),
            (403, "AuthorizationPermissionMismatch", Fatal),
            (403, "KeyBasedAuthenticationNotPermitted", Fatal),
            (404, "ContainerNotFound", Fatal),
            (408, "", Transient),
            (409, "ContainerBeingDeleted", Transient),
            (409, "BlobArchived", Fatal),
            (412, "LeaseIdMissing", Fatal),
            (413, "RequestBodyTooLarge", Item),
            (429, "", Transient),
            (500, "InternalError", Transient),
            (503, "ServerBusy", Transient),
            (307, "", Fatal),
        ] {
            match answer(Subject::Create, status, code) {
                Meaning::Refused(refusal) => assert_eq!(refusal.class, class, "{status} {code}: {refusal}"),
                other => panic!("{status} {code} is a refusal, not {other:?}"),
            }
        }
    }

    #[test]
    fn what_says_that_something_is_there_is_no_refusal_of_a_put_and_one_of_everything_else() {
        let words = [
            (409, "BlobAlreadyExists"),
            (409, "BlobImmutableDueToPolicy"),
            (412, "ConditionNotMet"),
            (412, ""),
            (403, "UnauthorizedBlobOverwrite"),
        ];
        for (status, code) in words {
            for subject in [Subject::Create, Subject::Block] {
                assert!(matches!(answer(subject, status, code), Meaning::Exists), "{status} {code}");
            }
            for subject in [Subject::Container, Subject::Read] {
                assert!(matches!(answer(subject, status, code), Meaning::Refused(_)), "{status} {code}");
            }
        }
    }

    #[test]
    fn a_blob_that_is_not_there_is_an_answer_and_everything_else_that_is_not_there_is_none() {
        for code in ["BlobNotFound", ""] {
            assert!(matches!(answer(Subject::Read, 404, code), Meaning::Answer), "{code}");
            for subject in [Subject::Container, Subject::Create, Subject::Block] {
                assert!(matches!(answer(subject, 404, code), Meaning::Refused(_)), "{code}");
            }
        }
        assert!(matches!(answer(Subject::Read, 404, "ContainerNotFound"), Meaning::Refused(_)));
    }

    #[test]
    fn retry_after_is_taken_over() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let Meaning::Refused(refusal) = of_blob_service(Subject::Read, StatusCode::TOO_MANY_REQUESTS, &headers, b"") else {
            panic!("429 is a refusal")
        };
        assert_eq!(refusal.error(ErrorKind::Sink, "read", "a").wait(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_refused_sign_in_says_why_without_trace_ids() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 0 Correlation ID: 1"}"#;
        let Meaning::Refused(refusal) = of_token_service(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body) else {
            panic!("401 is a refusal")
        };
        assert_eq!(refusal.class, Credential);
        assert_eq!(
            refusal.to_string(),
            "the token service refuses the sign-in (401 invalid_client, AADSTS7000215: Invalid client secret provided.)"
        );
    }

    #[test]
    fn what_a_token_service_says_is_shown_without_control_characters_and_not_at_length() {
        let body = format!(r#"{{"error":"\u001b[31m{0}","error_description":"\u0007{0}"}}"#, "x".repeat(5_000));
        let Meaning::Refused(refusal) = of_token_service(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes()) else {
            panic!("400 is a refusal")
        };
        assert!(refusal.what.chars().all(|char| !char.is_control()) && refusal.what.len() < 400, "{refusal}");
    }

    #[test]
    fn a_code_is_a_word_whatever_the_service_sends() {
        let body = format!("<Error><Code>Bad\r\n\x1b[31m{}</Code></Error>", "x".repeat(500));
        let Meaning::Refused(refusal) = of_blob_service(Subject::Read, StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes()) else {
            panic!("400 is a refusal")
        };
        assert!(refusal.what.chars().all(|char| !char.is_control()) && refusal.what.len() < 200, "{refusal}");
    }
}
