//! What the network and the service do to a run. After each fault: exactly the blobs of an undisturbed archive, the same report, or a stop that says what to do.

use std::{
    collections::BTreeSet,
    future,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use jabber_archive_core::{Error, ErrorClass, Event, Ledger, Observer, Result, RunReport, Sink, Stored, TranscriptSettings};
use jabber_archive_sink::{
    Archive, AzureLimits, AzureSignIn, VerifyOptions,
    testing::{FaultProxy, Outcome, Recorded, Response, Rule},
    verify,
};

use super::{Container, quick, sign_in::counted};
use crate::{
    example::{Example, archiver, day, facts, item, now, run},
    snapshot::files,
};

fn refusal(status: u16, code: &str) -> Response {
    Response::error(status, code, "…").with_header("x-ms-request-id", "00000000-0000-0000-0000-000000000000")
}

/// Requests that put blobs.
fn puts(rule: Rule) -> Rule {
    rule.method("PUT").without_parameter("restype")
}

async fn run_through(container: &Container, proxy: &FaultProxy) -> Result<RunReport> {
    let limits = AzureLimits::new(Duration::from_secs(5), Duration::from_millis(300), 1 << 20);
    let archive = Archive::azure(container.config_at(proxy.endpoint()).limits(limits)).await?;
    archiver(&archive, "host", TranscriptSettings::default()).run(now(), future::pending()).await
}

/// Runs through a proxy with these rules, and asserts that nothing but time was lost. What the proxy saw; none where there is no Azurite.
async fn outlives(name: &str, rules: impl IntoIterator<Item = Rule>) -> Option<Vec<Recorded>> {
    let container = Container::new(name).await?;
    let proxy = container.proxy(rules).await;
    let report = run_through(&container, &proxy).await.unwrap();
    let undisturbed = Example::new().await;
    assert_eq!(report, undisturbed.report);
    assert_eq!(container.blobs().await, files(undisturbed.path()));
    let requests = proxy.requests();
    for request in &requests {
        assert!(["GET", "HEAD", "PUT"].contains(&request.method.as_str()), "{request:?}");
        assert!(request.method != "PUT" || request.header("If-None-Match") == Some("*"), "{request:?}");
    }
    Some(requests)
}

/// As [`outlives`], where what the rules do can be seen in the outcomes: it was done more than once.
async fn outlives_struck(name: &str, rules: impl IntoIterator<Item = Rule>) {
    let Some(requests) = outlives(name, rules).await else { return };
    let struck = requests.iter().filter(|request| !matches!(request.outcome, Outcome::Passed(_))).count();
    assert!(struck > 1, "{requests:#?}");
}

/// The paths of puts that were sent more than once.
fn repeated(requests: &[Recorded]) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    of(requests, "PUT", "/").map(|request| request.path.as_str()).filter(|path| !seen.insert(*path)).collect()
}

fn of<'a>(requests: &'a [Recorded], method: &'a str, path: &'a str) -> impl Iterator<Item = &'a Recorded> {
    requests.iter().filter(move |request| request.method == method && request.path.contains(path))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_lost_after_the_write_is_no_failure_and_no_double() {
    let Some(requests) = outlives("fault-lost-reply", [puts(Rule::lose_reply()).every_nth(2)]).await else { return };
    let lost = requests.iter().filter(|request| request.outcome == Outcome::Lost(201)).count();
    assert!(lost > 3, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_before_the_write_is_sent_again() {
    outlives_struck("fault-reset", [Rule::reset().every_nth(3)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_service_is_sent_again() {
    outlives_struck("fault-500", [Rule::answer(Response::internal_error()).every_nth(3)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_left_alone_and_asked_again() {
    outlives_struck("fault-503", [Rule::answer(Response::server_busy()).every_nth(2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_obeyed() {
    let too_many = Rule::answer(Response::too_many_requests(1));
    let Some(requests) = outlives("fault-429", [puts(too_many).path_contains("/items/").first(2)]).await else { return };
    assert_eq!(requests.iter().filter(|request| request.outcome == Outcome::Answered(429)).count(), 2);
    for refused in requests.iter().filter(|request| request.outcome == Outcome::Answered(429)) {
        let again = of(&requests, "PUT", &refused.path).find(|request| request.arrived > refused.arrived).unwrap();
        let waited = again.arrived - refused.arrived;
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_trickles_is_given_up_and_asked_for_again() {
    let trickle = || Rule::trickle(Duration::from_millis(20));
    let Some(requests) = outlives("fault-trickle", [puts(trickle()).nth(2), trickle().method("GET").nth(3)]).await else { return };
    assert_eq!(repeated(&requests).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_says_nothing_is_given_up_and_asked_again() {
    outlives_struck("fault-stall", [puts(Rule::stall()).nth(2), puts(Rule::stall_reply()).nth(4)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_reply_is_asked_for_again() {
    outlives_struck("fault-truncated", [Rule::truncate(10).method("GET").every_nth(2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_the_wrong_md5_confirms_nothing() {
    let Some(requests) = outlives("fault-md5", [Rule::wrong_md5().every_nth(2)]).await else { return };
    assert!(!repeated(&requests).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_damaged_on_its_way_is_refused_by_its_md5_and_sent_again() {
    let Some(requests) = outlives("fault-flip", [puts(Rule::flip_bit()).every_nth(3)]).await else { return };
    let refused = requests.iter().filter(|request| request.outcome == Outcome::Passed(400)).count();
    assert!(refused > 1, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_runs_out_in_the_middle_is_fetched_anew_and_the_run_goes_on() {
    let Some(container) = Container::new("fault-403").await else { return };
    let proxy = container.proxy([puts(Rule::answer(Response::authentication_failed())).nth(4)]).await;
    let (key, asked) = {
        let key = container.azurite.key();
        counted(move |_| key.to_owned())
    };
    let archive = Archive::azure(container.signed_in(proxy.endpoint(), AzureSignIn::AccessKey(key))).await.unwrap();
    let undisturbed = Example::new().await;
    assert_eq!(run(&archive).await, undisturbed.report);
    assert_eq!(container.blobs().await, files(undisturbed.path()));
    assert_eq!(asked.load(Ordering::Relaxed), 2, "at the beginning, and when it was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_something_is_there_behind_a_refusal_is_asked_until_it_is_answered() {
    let Some(container) = Container::new("fault-head").await else { return };
    let window = day("2026-11-20");
    assert_eq!(container.archive().await.sink().put(&item(window, 'a', "first")).await.unwrap(), Stored::Created);
    let no_right = puts(Rule::answer(refusal(403, "AuthorizationPermissionMismatch")));
    let proxy = container.proxy([no_right, Rule::answer(Response::server_busy()).method("HEAD").first(2)]).await;
    let sink = Archive::azure(container.config_at(proxy.endpoint())).await.unwrap().sink();
    assert_eq!(sink.put(&item(window, 'a', "first")).await.unwrap(), Stored::AlreadyPresent);
    assert_eq!(sink.put(&item(window, 'a', "other")).await.unwrap(), Stored::Different);
    let error = sink.put(&item(window, 'b', "first")).await.unwrap_err();
    assert!(error.to_string().contains("not permitted (403 AuthorizationPermissionMismatch"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let Some(container) = Container::new("fault-redirect").await else { return };
    let elsewhere = container.proxy([]).await;
    let redirect = |status| Response::new(status).with_header("Location", &format!("{}/elsewhere", elsewhere.endpoint()));
    for status in [301, 302, 303, 307, 308] {
        let proxy = container.proxy([Rule::answer(redirect(status))]).await;
        let error = Archive::azure(container.config_at(proxy.endpoint())).await.unwrap_err();
        assert!(
            error.to_string().contains("the address answers with a redirect") && error.advice().unwrap().contains("`endpoint`"),
            "{error}"
        );
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_blob_service_is_told_so() {
    let Some(container) = Container::new("fault-no-service").await else { return };
    for (answer, says) in [
        (Response::new(404).with_body("<html>nothing here</html>"), "there is no such account or address (404"),
        (Response::new(200).with_body("<html>a portal</html>"), "the service's answer cannot be read"),
        (Response::new(204), "the service's answer cannot be read"),
        (Response::new(400).with_body(vec![b'x'; 20 << 20]), "the answer is larger than"),
    ] {
        let proxy = container.proxy([Rule::answer(answer)]).await;
        let opened = Archive::azure(container.config_at(proxy.endpoint())).await;
        let error = match opened {
            Ok(archive) => archive.ledger().open(&facts()).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_longer_than_patience_is_not_begun() {
    let Some(container) = Container::new("fault-long-wait").await else { return };
    for seconds in ["3600", "18446744073709551615"] {
        let busy = Response::server_busy().with_header("Retry-After", seconds);
        let proxy = container.proxy([Rule::answer(Response::server_busy()).first(2), Rule::answer(busy)]).await;
        let begun = Instant::now();
        let error = Archive::azure(container.config_at(proxy.endpoint())).await.unwrap_err();
        assert!(error.to_string().contains("the service is busy (503 ServerBusy), 3 times in"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_needs_no_right_to_overwrite_or_delete() {
    let immutable = || [Rule::immutable()];
    let Some(requests) = outlives("fault-immutable", immutable()).await else { return };
    assert!(requests.iter().all(|request| request.outcome != Outcome::Answered(409)), "nothing was even tried");

    // What is there already is compared in the same way.
    let Some(container) = Container::new("fault-immutable-again").await else { return };
    let proxy = container.proxy(immutable()).await;
    let sink = Archive::azure(container.config_at(proxy.endpoint())).await.unwrap().sink();
    let window = day("2026-11-20");
    for (content, stored) in [("first", Stored::Created), ("first", Stored::AlreadyPresent), ("other", Stored::Different)] {
        assert_eq!(sink.put(&item(window, 'a', content)).await.unwrap(), stored, "{content}");
    }
    assert!(proxy.requests().iter().any(|request| request.outcome == Outcome::Answered(409)));
}

/// A run that the rules end, and then one without them.
async fn stops_and_goes_on(name: &str, rules: impl IntoIterator<Item = Rule>) -> Option<Error> {
    let container = Container::new(name).await?;
    let proxy = container.proxy(rules).await;
    let error = run_through(&container, &proxy).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");

    let archive = container.archive().await;
    let verification = verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!(verification.problems, [], "what is sealed is intact");

    run(&archive).await;
    let undisturbed = files(Example::new().await.path());
    // The chain tells of two runs; what they archived is the same.
    let items = |blobs: std::collections::BTreeMap<String, Vec<u8>>| -> Vec<_> {
        blobs.into_iter().filter(|(path, _)| path.starts_with("items/") || path.starts_with("ledger/lists/")).collect()
    };
    assert_eq!(items(container.blobs().await), items(undisturbed));
    let verification = verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!((verification.problems.as_slice(), verification.items, verification.pending), ([].as_slice(), 4, 0));
    Some(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_stops_the_run_with_what_was_sealed_intact() {
    let refused = puts(Rule::answer(refusal(403, "AuthorizationPermissionMismatch")));
    let Some(error) = stops_and_goes_on("stop-refused", [refused.path_contains("/items/2026/11/21/")]).await else { return };
    for word in
        ["put items/2026/11/21/", "not permitted (403 AuthorizationPermissionMismatch, request 0000", "Storage Blob Data Contributor"]
    {
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_longer_than_patience_stops_the_run_and_says_how_long_it_waited() {
    let busy = puts(Rule::answer(Response::server_busy()));
    let Some(error) = stops_and_goes_on("stop-outage", [busy.path_contains("/items/2026/11/21/")]).await else { return };
    for word in ["the service is busy (503 ServerBusy", " times in ", "run again when the store is to be reached: what is sealed is intact"]
    {
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nothing_answers_any_more_patience_is_had_once() {
    let Some(container) = Container::new("stop-everything").await else { return };
    let proxy = container.proxy([]).await;
    let archive = Archive::azure(container.config_at(proxy.endpoint())).await.unwrap();
    let begun = Instant::now();
    // Some windows are sealed by then, so that there is a run to be recorded.
    proxy.add(Rule::answer(Response::server_busy()).path_contains("/items/2026/11/21/"));
    let ended = archiver(&archive, "host", TranscriptSettings::default());
    let run = ended.run(now(), future::pending());
    let outage = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        proxy.add(Rule::answer(Response::server_busy()));
    };
    let (error, ()) = futures::future::join(run, outage).await;
    assert!(error.unwrap_err().to_string().contains(" times in "));
    assert!(begun.elapsed() < Duration::from_millis(3_500), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_never_renewed_stops_the_run_and_says_what_to_check() {
    let expired = puts(Rule::answer(Response::authentication_failed()));
    let Some(error) = stops_and_goes_on("stop-expired", [expired.path_contains("/items/2026/11/21/")]).await else { return };
    for word in ["the credential is refused (403 AuthenticationFailed", "has it run out"] {
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_while_it_seals_leaves_a_chain_that_verifies() {
    let refused = Rule::answer(refusal(403, "AuthorizationFailure")).method("PUT").path_ends_with("/ledger/00000002.json");
    let Some(error) = stops_and_goes_on("stop-sealing", [refused]).await else { return };
    assert!(error.to_string().contains("network rules"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_of_retries_but_not_of_each() {
    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Observer for Heard {
        fn observe(&self, event: &Event<'_>) {
            if let Event::Retrying { error, .. } = event {
                self.0.lock().unwrap().push(error.to_string());
            }
        }
    }

    let Some(container) = Container::new("fault-observed").await else { return };
    let proxy = container.proxy([puts(Rule::answer(Response::server_busy())).first(8)]).await;
    let heard = Arc::new(Heard::default());
    let config = container.config_at(proxy.endpoint()).retry(quick()).observer(heard.clone());
    run(&Archive::azure(config).await.unwrap()).await;
    let heard = heard.0.lock().unwrap().clone();
    assert!((1..=3).contains(&heard.len()), "{heard:?}");
    assert!(heard[0].starts_with("put archive.json: the service is busy (503 ServerBusy"), "{heard:?}");
}
