//! A connection, from its first byte to the last entry.

use std::pin::pin;

use futures::future::{Either, select};
use jabber_archive_core::{ErrorClass, Result};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchResult,
    controls::{Control, ControlType, PagedResults},
};

use crate::{
    config::{Encryption, LdapConfig},
    fault::{CONNECT, Operation, READ},
    people::{Fetched, People},
    tls,
};

/// Connects, signs in and reads everybody.
pub(crate) async fn read(config: &LdapConfig) -> Result<Fetched> {
    let connecting = Operation { config, verb: CONNECT };
    let mut settings = LdapConnSettings::new().set_starttls(config.encryption == Encryption::StartTls);
    if config.encryption != Encryption::Off {
        settings = settings.set_config(tls::settings(config.authority.as_deref())?);
    }
    let (connection, mut ldap) =
        LdapConnAsync::with_settings(settings, &config.to_string()).await.map_err(|error| connecting.classify(error))?;
    let work = async {
        sign_in(config, &mut ldap).await?;
        search(config, &mut ldap).await
    };
    match select(pin!(work), pin!(connection.drive())).await {
        Either::Left((read, _)) => read,
        // What came before the connection ended may be all that is needed.
        Either::Right((driven, work)) => match (work.await, driven) {
            (Err(_), Err(error)) => Err(Operation { config, verb: READ }.classify(error)),
            (read, _) => read,
        },
    }
}

async fn sign_in(config: &LdapConfig, ldap: &mut Ldap) -> Result<()> {
    let operation = Operation { config, verb: "sign in to directory" };
    let Some((name, password)) = &config.bind else { return Ok(()) };
    let password = password.fetch()?;
    // Without one of them a server takes it for a sign-in as nobody (RFC 4513, section 5.1.2).
    if name.is_empty() || password.reveal().is_empty() {
        return Err(operation.error(ErrorClass::Fatal, "the name or the password is empty"));
    }
    let answer = ldap.simple_bind(name, password.reveal()).await.map_err(|error| operation.classify(error))?;
    operation.success(&answer)
}

async fn search(config: &LdapConfig, ldap: &mut Ldap) -> Result<Fetched> {
    let operation = Operation { config, verb: READ };
    let filter = config.searched();
    let attributes = [config.jid.attribute(), &config.email, &config.name];
    let mut people = People::new(config);
    let mut cookie = Vec::new();
    loop {
        ldap.with_controls(PagedResults { size: config.page_size.into(), cookie });
        let SearchResult(entries, answer) =
            ldap.search(&config.base, Scope::Subtree, &filter, attributes).await.map_err(|error| operation.classify(error))?;
        operation.success(&answer)?;
        people.count_references(answer.refs.len());
        for entry in entries {
            people.take(entry.0)?;
        }
        cookie = next_page(&answer.ctrls);
        if cookie.is_empty() {
            return people.finish();
        }
    }
}

/// What names the next page; nothing if this was the last, or if the server knows no pages and has given everything.
fn next_page(controls: &[Control]) -> Vec<u8> {
    let page = controls.iter().find_map(|control| match control {
        Control(Some(ControlType::PagedResults), page) => Some(page.parse::<PagedResults>()),
        _ => None,
    });
    page.map(|page| page.cookie).unwrap_or_default()
}
