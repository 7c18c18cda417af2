//! Ways to sign in.

use std::time::Duration;

use jabber_archive_core::{Delivery, ErrorClass, Mailboxes, Refusal, RefusalReason, Secret, SecretSource};
use jabber_archive_imap::{
    ClientCredential, Encryption, ImapConfig, ImapMailboxes, Mechanism, SignIn, TokenSource,
    testing::{Dovecot, DovecotSetup},
};
use jabber_archive_sink::testing::TokenServer;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::outsider::{letter, mails};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

fn password(user: &str, password: &str) -> SignIn {
    SignIn::Password { user: user.to_owned(), password: SecretSource::from(Secret::new(password)) }
}

fn tokens(server: &TokenServer) -> TokenSource {
    let endpoint = format!("{}/tenant/oauth2/v2.0/token", server.endpoint());
    let secret = ClientCredential::Secret(SecretSource::from(Secret::new("s&cret")));
    TokenSource::new(&endpoint, "archiver", secret, "https://outlook.office365.com/.default", None).unwrap()
}

#[tokio::test]
async fn an_archiver_acts_for_all_and_a_user_for_themselves() {
    let Some(dovecot) = DovecotSetup::new([ALICE, BOB]).settings("auth_master_user_separator = *").start() else { return };
    for (number, sign_in) in [
        password(Dovecot::ARCHIVER, Dovecot::ARCHIVER_PASSWORD),
        password("{mailbox}", Dovecot::PASSWORD),
        password("{mailbox}*archiver", Dovecot::ARCHIVER_PASSWORD),
        password("{local}@example.com", Dovecot::PASSWORD),
    ]
    .into_iter()
    .enumerate()
    {
        let mailboxes = ImapMailboxes::new(dovecot.config_with(sign_in)).unwrap();
        for user in [ALICE, BOB] {
            let delivery = mailboxes.deliver(user, &letter(number as u32, 10), false).await.unwrap();
            assert!(matches!(delivery, Delivery::Delivered(_)), "{number}: {delivery:?}");
        }
    }
    assert_eq!((mails(&dovecot, ALICE).len(), mails(&dovecot, BOB).len()), (4, 4));
}

/// A server that answers each line that it gets with the next of these.
async fn answers(lines: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let (mut read, mut got) = (BufReader::new(read).lines(), Vec::new());
        for line in lines {
            write.write_all(line.as_bytes()).await.unwrap();
            match read.next_line().await.unwrap() {
                Some(line) => got.push(line),
                None => break,
            }
        }
        got
    });
    (port, serving)
}

#[tokio::test]
async fn a_server_with_nothing_but_login_is_signed_in_to_by_login() {
    const LINES: &[&str] = &[
        "* OK [CAPABILITY IMAP4rev1] ready\r\n",
        "A1 OK [CAPABILITY IMAP4rev1] in\r\n",
        "* LIST (\\Noselect) \"/\" \"\"\r\nA2 OK\r\n",
        "",
    ];
    let config = |port, user: &str| ImapConfig::new("127.0.0.1", password(user, Dovecot::PASSWORD)).port(port).encryption(Encryption::Off);
    let (port, serving) = answers(LINES).await;
    let mailboxes = ImapMailboxes::new(config(port, "{mailbox}")).unwrap();
    assert!(mailboxes.check(ALICE).await.is_err(), "it says no more");
    assert_eq!(serving.await.unwrap()[..2], ["A1 LOGIN alice@example.com demo", "A2 LIST \"\" \"\""]);
    // Nobody can act for somebody else by it.
    let (port, _) = answers(LINES).await;
    let error = ImapMailboxes::new(config(port, "archiver")).unwrap().check(ALICE).await.unwrap_err();
    assert!(error.class() == ErrorClass::Fatal && error.to_string().contains("AUTH=PLAIN"), "{error}");
}

#[tokio::test]
async fn a_token_waits_to_be_asked_for_where_a_server_has_no_initial_response() {
    const LINES: &[&str] = &[
        "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] ready\r\n",
        "+ \r\n",
        "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n",
        "A1 NO [AUTHENTICATIONFAILED] no\r\n",
        "* BYE\r\nA2 OK\r\n",
    ];
    let server = TokenServer::start().await.unwrap();
    let (port, serving) = answers(LINES).await;
    let sign_in = SignIn::Token { mechanism: Mechanism::XOAuth2, tokens: tokens(&server) };
    let mailboxes = ImapMailboxes::new(ImapConfig::new("127.0.0.1", sign_in).port(port).encryption(Encryption::Off)).unwrap();
    let refusal = mailboxes.check(ALICE).await.unwrap().unwrap();
    assert_eq!(refusal.reason, RefusalReason::SignIn);
    let got = serving.await.unwrap();
    assert_eq!((got[0].as_str(), got[2].as_str(), got[3].as_str()), ("A1 AUTHENTICATE XOAUTH2", "", "A2 LOGOUT"));
    let said = String::from_utf8(data_encoding::BASE64.decode(got[1].as_bytes()).unwrap()).unwrap();
    assert!(said.starts_with("user=alice@example.com\x01auth=Bearer ey") && said.ends_with("\x01\x01"), "{said:?}");
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_and_a_wrong_password_are_refusals() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let refused = |refusal: Option<Refusal>| refusal.map(|refusal| refusal.reason);
    let mailboxes = ImapMailboxes::new(dovecot.config()).unwrap();
    assert_eq!(refused(mailboxes.check("nobody@example.com").await.unwrap()), Some(RefusalReason::SignIn));
    assert_eq!(mailboxes.check(ALICE).await.unwrap(), None);
    let wrong = ImapMailboxes::new(dovecot.config_with(password(Dovecot::ARCHIVER, "wrong"))).unwrap();
    let refusal = wrong.check(ALICE).await.unwrap();
    assert!(!format!("{refusal:?} {wrong:?}").contains("wrong"));
    assert_eq!(refused(refusal), Some(RefusalReason::SignIn));
}

#[tokio::test]
async fn tokens_open_mailboxes_and_are_renewed_before_and_after_they_expire() {
    for mechanism in [Mechanism::XOAuth2, Mechanism::OAuthBearer] {
        let server = TokenServer::start().await.unwrap();
        let users: Vec<String> = (0..6).map(|number| format!("user{number}@example.com")).collect();
        let setup = DovecotSetup::new(users.clone()).introspection(server.introspection_endpoint());
        let Some(dovecot) = setup.start() else { return };
        let mailboxes = ImapMailboxes::new(dovecot.config_of_tokens(mechanism, tokens(&server))).unwrap();
        let check = async |user: &str| assert_eq!(mailboxes.check(user).await.unwrap(), None, "{mechanism:?} {user}");
        check(&users[0]).await;
        check(&users[1]).await;
        assert_eq!(server.requests().len(), 1);
        // Withdrawn before their time: the refusal is answered by a new one.
        server.withdraw();
        check(&users[2]).await;
        assert_eq!(server.requests().len(), 2);
        // Those that end soon are not used until then.
        server.withdraw();
        server.set_lifetime(Duration::from_secs(2));
        check(&users[3]).await;
        assert_eq!(server.requests().len(), 3);
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        check(&users[4]).await;
        assert_eq!(server.requests().len(), 4);
        let asked = server.requests()[0].clone();
        assert_eq!(asked.field("scope"), Some("https://outlook.office365.com/.default"));
        assert_eq!((asked.field("client_id"), asked.field("client_secret")), (Some("archiver"), Some("s&cret")));
    }
}

#[tokio::test]
async fn a_refused_secret_is_an_error_of_the_credential_and_tells_nothing() {
    let server = TokenServer::start().await.unwrap();
    server.refuse(1);
    let Some(dovecot) = DovecotSetup::new([ALICE]).introspection(server.introspection_endpoint()).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config_of_tokens(Mechanism::XOAuth2, tokens(&server))).unwrap();
    let error = mailboxes.check(ALICE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Credential);
    assert!(error.to_string().contains("invalid_client, AADSTS7000215"), "{error}");
    assert!(!format!("{error:?} {mailboxes:?}").contains("cret\""), "{error:?}");
    assert_eq!(mailboxes.check(ALICE).await.unwrap(), None);
}

#[tokio::test]
async fn no_password_leaves_this_machine_in_the_clear() {
    let config = |host: &str| jabber_archive_imap::ImapConfig::new(host, password("{mailbox}", "x")).encryption(Encryption::Off);
    let error = ImapMailboxes::new(config("mail.example.com")).unwrap_err();
    assert!(error.to_string().contains("in the clear"), "{error}");
    assert!(ImapMailboxes::new(config("127.0.0.1")).is_ok());
    let secret = || ClientCredential::Secret(SecretSource::from(Secret::new("x")));
    assert!(TokenSource::new("http://login.example.com/token", "archiver", secret(), "x", None).is_err());
    assert!(TokenSource::new("https://login.example.com/token", "archiver", secret(), "x", None).is_ok());
}

#[tokio::test]
async fn a_certificate_signs_who_the_application_is() {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use data_encoding::BASE64URL_NOPAD;

    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(["archiver".to_owned()]).unwrap().self_signed(&key).unwrap();
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let server = TokenServer::start().await.unwrap();
    let endpoint = format!("{}/tenant/oauth2/v2.0/token", server.endpoint());
    let credential = ClientCredential::Certificate(SecretSource::from(Secret::new(pem)));
    let source = TokenSource::new(&endpoint, "archiver", credential, "https://outlook.office365.com/.default", None).unwrap();
    let Some(dovecot) = DovecotSetup::new([ALICE]).introspection(server.introspection_endpoint()).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config_of_tokens(Mechanism::OAuthBearer, source)).unwrap();
    assert_eq!(mailboxes.check(ALICE).await.unwrap(), None);

    let asked = server.requests()[0].clone();
    assert_eq!(asked.field("client_secret"), None);
    let assertion = asked.field("client_assertion").unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let verified = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, rcgen::PublicKeyData::der_bytes(&key))
        .verify(signed.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap());
    assert!(verified.is_ok());
    let parts: Vec<serde_json::Value> =
        signed.split('.').map(|part| serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()).collect();
    let thumbprint = BASE64URL_NOPAD.encode(jabber_archive_core::Digest::of(certificate.der()).as_bytes());
    assert_eq!(parts[0], serde_json::json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
    let claims = &parts[1];
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("archiver"), Some("archiver")));
    assert_eq!(claims["aud"].as_str(), Some(endpoint.as_str()));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap(), 600);
}
