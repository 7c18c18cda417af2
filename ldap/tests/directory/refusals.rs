//! What a server refuses, and what is said about it.

use jabber_archive_core::{ErrorClass, ErrorKind, Secret, SecretSource};
use jabber_archive_ldap::{LdapConfig, testing::Slapd};

use crate::entries::{person, staff, user_id};

async fn assert_refused(config: LdapConfig, class: ErrorClass, words: &[&str]) {
    let error = config.fetch().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert_eq!(error.class(), class, "{shown}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in {error}");
    }
    for secret in [Slapd::PASSWORD, "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn password(password: &str) -> SecretSource {
    SecretSource::from(Secret::new(password))
}

#[tokio::test]
async fn a_server_that_gives_only_a_part_gives_nobody() {
    let staff = |number: usize| {
        let id = format!("user{number}");
        person(&id, &[("sAMAccountName", &id), ("mail", &format!("{id}@example.com"))])
    };
    let entries: String = (0..600).map(staff).collect();
    let words = ["read directory ldaps://localhost", "gives only a part of the entries", "LDAP result 4", "`limits`"];
    let Some(slapd) = Slapd::start_with(&entries, "sizelimit 500") else { return };
    for page_size in [100, 499, 1_000] {
        assert_refused(slapd.config(user_id()).page_size(page_size), ErrorClass::Fatal, &words).await;
    }
    // Of those alone who are asked for there are few enough.
    let fetched = slapd.config(user_id()).filter("(sAMAccountName=user11*)").fetch().await.unwrap();
    assert_eq!(fetched.survey.people, 11);

    let slapd = Slapd::start_with(&entries, "limits * size.pr=100 size.prtotal=unlimited").unwrap();
    assert_refused(slapd.config(user_id()), ErrorClass::Fatal, &["a part of the entries", "LDAP result 11", "smaller `page_size`"]).await;
    assert_eq!(slapd.config(user_id()).page_size(100).fetch().await.unwrap().survey.people, 600);
}

#[tokio::test]
async fn a_wrong_name_or_password_is_a_matter_of_the_credential() {
    let Some(slapd) = Slapd::start(&staff()) else { return };
    let config = || slapd.config(user_id());
    let nobody = "cn=nobody,dc=example,dc=com";
    let words = |name: &'static str| ["sign in to directory", "refuses the sign-in of", name, "LDAP result 49", "`bind_dn` and `password`"];
    assert_refused(config().bind(Slapd::READER, password("hunter2")), ErrorClass::Credential, &words(Slapd::READER)).await;
    assert_refused(config().bind(nobody, password("hunter2")), ErrorClass::Credential, &words(nobody)).await;
    assert_refused(config().bind("no name", password("hunter2")), ErrorClass::Fatal, &["`bind_dn`", "LDAP result 34"]).await;
    // A server would take it for a sign-in as nobody, and give nobody.
    for (name, secret) in [(Slapd::READER, ""), ("", "hunter2")] {
        assert_refused(config().bind(name, password(secret)), ErrorClass::Fatal, &["the name or the password is empty"]).await;
    }
}

#[tokio::test]
async fn a_base_that_is_not_there_or_not_to_be_seen_is_named() {
    let Some(slapd) = Slapd::start(&staff()) else { return };
    let with = |base: &str| {
        LdapConfig::new("localhost", base, user_id())
            .port(slapd.tls_port())
            .certificate_authority(slapd.authority())
            .bind(Slapd::READER, password(Slapd::PASSWORD))
    };
    let nowhere = "ou=nowhere,dc=example,dc=com";
    assert_refused(with(nowhere), ErrorClass::Fatal, &["there is no `ou=nowhere,dc=example,dc=com`", Slapd::READER, "check `base`"]).await;
    assert_refused(with("nowhere"), ErrorClass::Fatal, &["LDAP result 34", "`base`"]).await;
    let nobody = LdapConfig::new("localhost", Slapd::BASE, user_id()).port(slapd.tls_port()).certificate_authority(slapd.authority());
    assert_refused(nobody, ErrorClass::Fatal, &["there is no `dc=example,dc=com`, or `nobody` may not see it"]).await;
}

#[tokio::test]
async fn a_server_that_wants_a_sign_in_or_encryption_is_understood() {
    let Some(slapd) = Slapd::start_with(&staff(), "security simple_bind=128") else { return };
    let plain = slapd.config(user_id()).port(slapd.port()).encryption(jabber_archive_ldap::Encryption::Off);
    assert_refused(plain, ErrorClass::Fatal, &["the server demands encryption", "set `encrypt`"]).await;
    assert_eq!(slapd.config(user_id()).fetch().await.unwrap().survey.people, 3);
}

#[tokio::test]
async fn settings_that_are_none_are_refused_before_anything_is_sent() {
    let config = |host: &str| LdapConfig::new(host, Slapd::BASE, user_id());
    for (config, words) in [
        (config("ldaps://dc01.example.com"), ["host", "`ldaps://dc01.example.com` is no host", "without ldaps://"]),
        (config("dc01.example.com:636"), ["host", "is no host", "and port"]),
        (config(""), ["host", "`` is no host", "name the server"]),
        (config("localhost").filter("objectClass=person)"), ["filter", "`objectClass=person)` is no filter", "RFC 4515"]),
        (config("localhost").page_size(0), ["page_size", "never ends", "at least one"]),
        (config("localhost").certificate_authority("no certificate"), ["ca_file", "holds no certificates", "PEM"]),
    ] {
        assert_eq!(config.fetch().await.unwrap_err().kind(), ErrorKind::Config);
        assert_refused(config, ErrorClass::Fatal, &words).await;
    }
}
