use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use jabber_archive_sink::testing::{Azurite, FaultProxy, Outcome, Request, Response, Rule};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PAUSE: Duration = Duration::from_millis(2);
/// The MD5 of `hello`.
const MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";

#[tokio::test]
async fn what_no_rule_is_about_passes_as_it_is() {
    let Some((azurite, proxy)) = proxy("passes", []).await else { return };
    let put = put("passes/a%20b.eml").header("If-None-Match", "*").header("Content-MD5", MD5);
    assert_eq!(put.clone().send(proxy.endpoint()).await.unwrap().status, 201);
    assert_eq!(put.send(proxy.endpoint()).await.unwrap().status, 409);
    let through = read("passes/a%20b.eml").send(proxy.endpoint()).await.unwrap();
    let direct = read("passes/a%20b.eml").send(azurite.endpoint()).await.unwrap();
    assert_eq!((through.status, &through.body), (200, &direct.body));
    assert_eq!(through.header("ETag"), direct.header("etag"));
    let head = signed("HEAD", "passes/a%20b.eml").send(proxy.endpoint()).await.unwrap();
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("5"), 0));
    let list = signed("GET", "passes?restype=container&comp=list").send(proxy.endpoint()).await.unwrap();
    assert!(String::from_utf8_lossy(&list.body).contains("<Name>a b.eml</Name>"));
}

#[tokio::test]
async fn requests_are_written_down_without_their_secrets() {
    let Some((_, proxy)) = proxy("recorded", []).await else { return };
    let before = Instant::now();
    put("recorded/a").header("Authorization", "Bearer secret").send(proxy.endpoint()).await.unwrap();
    put("recorded/b?timeout=30").header("If-None-Match", "*").send(proxy.endpoint()).await.unwrap();
    let [first, second] = proxy.requests().try_into().unwrap();
    assert_eq!(first.header("authorization"), Some("Bearer"));
    assert_eq!((second.method.as_str(), second.path.as_str()), ("PUT", "/devstoreaccount1/recorded/b"));
    assert_eq!((second.parameter("timeout"), second.parameter("sig"), second.parameter("comp")), (Some("30"), Some(""), None));
    assert_eq!((second.header("if-none-match"), second.length), (Some("*"), 5));
    assert_eq!(second.outcome, Outcome::Passed(201));
    assert!(before < first.arrived && first.arrived < first.answered.unwrap() && first.answered.unwrap() < second.arrived);
    assert!(!format!("{first:?}{second:?}").contains("secret") && !second.query.contains("sig=A"));
}

#[tokio::test]
async fn connections_are_kept_and_chunked_bodies_are_understood() {
    let service = FaultProxy::start("http://127.0.0.1:1", [Rule::answer(Response::new(201))]).await.unwrap();
    let proxy = FaultProxy::start(service.endpoint(), []).await.unwrap();
    let mut stream = TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;e=1\r\nlo\r\n0\r\n\r\n").await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut reply).await.unwrap(), 0, "{}", String::from_utf8_lossy(&reply));
        }
        assert!(reply.starts_with(b"HTTP/1.1 201 "));
    }
    for proxy in [proxy, service] {
        let lengths: Vec<usize> = proxy.requests().iter().map(|request| request.length).collect();
        assert_eq!(lengths, [5, 5]);
    }
}

#[tokio::test]
async fn a_reply_that_is_lost_leaves_the_blob_written() {
    let Some((azurite, proxy)) = proxy("lost", [Rule::lose_reply().method("PUT")]).await else { return };
    let error = put("lost/a").send(proxy.endpoint()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(proxy.requests()[0].outcome, Outcome::Lost(201));
    assert_eq!(read("lost/a").send(azurite.endpoint()).await.unwrap().body, "hello");
}

#[tokio::test]
async fn a_reset_leaves_nothing_written() {
    let Some((azurite, proxy)) = proxy("reset", [Rule::reset().method("PUT")]).await else { return };
    let error = put("reset/a").send(proxy.endpoint()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.requests()[0].outcome, Outcome::Reset);
    assert_eq!(read("reset/a").send(azurite.endpoint()).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_reply_of_the_proxy_leaves_nothing_written() {
    let replies = [
        (Response::internal_error(), 500, "InternalError"),
        (Response::server_busy(), 503, "ServerBusy"),
        (Response::too_many_requests(1), 429, "TooManyRequests"),
        (Response::authentication_failed(), 403, "AuthenticationFailed"),
        (Response::immutable(), 409, "BlobImmutableDueToPolicy"),
    ];
    let Some((azurite, proxy)) = proxy("replies", []).await else { return };
    for (reply, status, code) in replies {
        proxy.clear();
        proxy.add(Rule::answer(reply).method("PUT"));
        let reply = put("replies/a").send(proxy.endpoint()).await.unwrap();
        assert_eq!((reply.status, reply.header("x-ms-error-code")), (status, Some(code)));
        assert!(String::from_utf8_lossy(&reply.body).contains(&format!("<Error><Code>{code}</Code>")));
        assert_eq!(reply.header("Retry-After"), (status == 429).then_some("1"));
        assert_eq!(proxy.requests().last().unwrap().outcome, Outcome::Answered(status));
    }
    assert_eq!(read("replies/a").send(azurite.endpoint()).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_reply_that_trickles_is_whole_and_takes_its_time() {
    for (name, rule) in [("trickles", Rule::trickle(PAUSE)), ("trickles-body", Rule::trickle_body(PAUSE))] {
        let Some((_, proxy)) = proxy(name, [rule.method("GET")]).await else { return };
        let path = format!("{name}/a");
        put(&path).send(proxy.endpoint()).await.unwrap();
        let before = Instant::now();
        assert_eq!(read(&path).send(proxy.endpoint()).await.unwrap().body, "hello");
        assert!(before.elapsed() >= PAUSE * 5);
    }
}

#[tokio::test]
async fn a_truncated_reply_ends_before_its_length() {
    let Some((_, proxy)) = proxy("truncated", [Rule::truncate(3).method("GET")]).await else { return };
    put("truncated/a").send(proxy.endpoint()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.endpoint().split('/').nth(2).unwrap()).await.unwrap();
    let head = format!("GET /devstoreaccount1/truncated/a?{} HTTP/1.1\r\nHost: x\r\n\r\n", Azurite::shared().unwrap().sas());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.to_ascii_lowercase().contains("content-length: 5\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\nhel"), "{reply}");
    assert_eq!(read("truncated/a").send(proxy.endpoint()).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(proxy.requests().last().unwrap().outcome, Outcome::Truncated(200));
}

#[tokio::test]
async fn a_wrong_digest_is_in_the_reply_alone() {
    let Some((azurite, proxy)) = proxy("digest", [Rule::wrong_md5().method("GET")]).await else { return };
    put("digest/a").header("Content-MD5", MD5).send(proxy.endpoint()).await.unwrap();
    let reply = read("digest/a").send(proxy.endpoint()).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (200, b"hello".as_slice()));
    assert!(reply.header("Content-MD5").is_some_and(|md5| md5 != MD5));
    assert_eq!(read("digest/a").send(azurite.endpoint()).await.unwrap().header("Content-MD5"), Some(MD5));
}

#[tokio::test]
async fn a_flipped_bit_is_seen_by_a_service_that_has_the_digest() {
    let Some((azurite, proxy)) = proxy("flipped", [Rule::flip_bit().method("PUT")]).await else { return };
    let refused = put("flipped/a").header("Content-MD5", MD5).send(proxy.endpoint()).await.unwrap();
    assert_eq!(refused.status, 400, "{}", String::from_utf8_lossy(&refused.body));
    assert_eq!(read("flipped/a").send(azurite.endpoint()).await.unwrap().status, 404);
    assert_eq!(put("flipped/a").send(proxy.endpoint()).await.unwrap().status, 201);
    assert_eq!(read("flipped/a").send(azurite.endpoint()).await.unwrap().body, "hemlo");
}

#[tokio::test]
async fn a_stall_is_before_or_after_the_write() {
    for (name, rule, outcome, status) in
        [("stall", Rule::stall(), Outcome::Stalled, 404), ("stall-reply", Rule::stall_reply(), Outcome::Lost(201), 200)]
    {
        let Some((azurite, proxy)) = proxy(name, [rule.method("PUT")]).await else { return };
        let path = format!("{name}/a");
        assert!(timeout(Duration::from_secs(1), put(&path).send(proxy.endpoint())).await.is_err());
        assert_eq!(proxy.requests()[0].outcome, outcome);
        assert_eq!(read(&path).send(azurite.endpoint()).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn blobs_of_an_immutable_container_are_created_once_and_never_deleted() {
    let Some((azurite, proxy)) = proxy("immutable", [Rule::immutable()]).await else { return };
    put("immutable/before").send(azurite.endpoint()).await.unwrap();
    let immutable = |reply: &Response| (reply.status, reply.header("x-ms-error-code")) == (409, Some("BlobImmutableDueToPolicy"));

    assert_eq!(put("immutable/a").send(proxy.endpoint()).await.unwrap().status, 201);
    for refused in [
        put("immutable/a"),
        put("immutable/before"),
        put("immutable/a").header("If-None-Match", "*"),
        signed("PUT", "immutable/a?comp=block&blockid=QQ%3D%3D").body("hello"),
        signed("PUT", "immutable/a?comp=blocklist").body("<BlockList/>"),
        signed("PUT", "immutable/a?comp=metadata"),
        signed("DELETE", "immutable/a"),
        signed("DELETE", "immutable?restype=container"),
    ] {
        let reply = refused.send(proxy.endpoint()).await.unwrap();
        assert!(immutable(&reply), "{reply:?}");
    }
    assert_eq!(put("immutable/b").header("If-None-Match", "*").send(proxy.endpoint()).await.unwrap().status, 201);
    assert_eq!(signed("PUT", "immutable/c?comp=block&blockid=QQ%3D%3D").body("hello").send(proxy.endpoint()).await.unwrap().status, 201);
    let list = "<BlockList><Latest>QQ==</Latest></BlockList>";
    assert_eq!(signed("PUT", "immutable/c?comp=blocklist").body(list).send(proxy.endpoint()).await.unwrap().status, 201);
    assert_eq!(read("immutable/c").send(proxy.endpoint()).await.unwrap().body, "hello");
}

#[tokio::test]
async fn of_creations_at_the_same_time_an_immutable_container_takes_one() {
    let Some((_, proxy)) = proxy("creations", [Rule::immutable()]).await else { return };
    let puts = (0..8).map(|_| put("creations/a").send(proxy.endpoint()));
    let statuses: Vec<u16> = futures::future::join_all(puts).await.into_iter().map(|reply| reply.unwrap().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

#[tokio::test]
async fn a_rule_meets_the_requests_it_is_about() {
    let busy = || Rule::answer(Response::server_busy());
    let cases: [(Rule, &[usize]); 8] = [
        (busy(), &[0, 1, 2, 3, 4, 5]),
        (busy().method("GET"), &[4, 5]),
        (busy().path_contains("/items/"), &[0, 1, 4]),
        (busy().path_ends_with(".json"), &[2, 5]),
        (busy().parameter("comp", "block"), &[3]),
        (busy().method("PUT").without_parameter("comp").first(2), &[0, 1]),
        (busy().method("PUT").nth(3), &[2]),
        (busy().every_nth(2), &[1, 3, 5]),
    ];
    let requests = || {
        [
            put("rules/items/a.eml"),
            put("rules/items/b.eml"),
            put("rules/ledger/1.json"),
            signed("PUT", "rules/large?comp=block&blockid=QQ%3D%3D").body("hello"),
            read("rules/items/a.eml"),
            read("rules/ledger/1.json"),
        ]
    };
    let Some((_, proxy)) = proxy("rules", []).await else { return };
    for (rule, met) in cases {
        proxy.clear();
        proxy.add(rule.clone());
        for (number, request) in requests().into_iter().enumerate() {
            let busy = request.send(proxy.endpoint()).await.unwrap().status == 503;
            assert_eq!(busy, met.contains(&number), "request {number} of {rule:?}");
        }
    }
}

#[tokio::test]
async fn of_rules_that_meet_a_request_the_first_acts() {
    let rules = [Rule::answer(Response::server_busy()).nth(2), Rule::answer(Response::internal_error()).nth(3), Rule::immutable()];
    let Some((_, proxy)) = proxy("order", rules).await else { return };
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(put("order/a").send(proxy.endpoint()).await.unwrap().status);
    }
    assert_eq!(statuses, [201, 503, 500, 409]);
}

/// A proxy before an Azurite that has this container.
async fn proxy(container: &str, rules: impl IntoIterator<Item = Rule>) -> Option<(&'static Azurite, FaultProxy)> {
    let azurite = Azurite::shared()?;
    azurite.create_container(container).await;
    Some((azurite, FaultProxy::start(azurite.endpoint(), rules).await.unwrap()))
}

fn put(path: &str) -> Request {
    signed("PUT", path).header("x-ms-blob-type", "BlockBlob").body("hello")
}

fn read(path: &str) -> Request {
    signed("GET", path)
}

fn signed(method: &str, path: &str) -> Request {
    Request::new(method, path).signed(&Azurite::shared().unwrap().sas())
}
