//! People who come from a directory over LDAP.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
};

use jabber_archive_ldap::testing::Slapd;

use crate::program::{Setting, files};

const STAFF: &str = "\
dn: uid=asmith,dc=example,dc=com
objectClass: inetOrgPerson
uid: asmith
cn: Alice
sn: Smith
displayName: Alice of the directory
mail: alice@directory.example

dn: uid=bjones,dc=example,dc=com
objectClass: inetOrgPerson
uid: bjones
cn: Bob
sn: Jones
displayName: Bob of the directory
mail: bob@directory.example

dn: uid=temp01,dc=example,dc=com
objectClass: inetOrgPerson
uid: temp01
cn: Temp
sn: Temp
mail: nobody

";

/// A change to the settings of the directory.
type Change<'a> = &'a dyn Fn(String) -> String;

/// A configuration whose people come from this server.
fn configure(setting: &Setting, slapd: &Slapd, change: impl Fn(String) -> String) {
    fs::write(setting.folder.path().join("ldap-ca.pem"), slapd.authority()).unwrap();
    let ldap = format!(
        "[directory.ldap]\nhost = \"localhost\"\nport = {}\nca_file = \"ldap-ca.pem\"\nbind_dn = \"{}\"\n\
         password = {{ env = \"JABBER_TEST_PASSWORD\" }}\nbase = \"{}\"\nuser_id = \"uid\"\njid_domain = \"im.example.com\"\n",
        slapd.tls_port(),
        Slapd::READER,
        Slapd::BASE,
    );
    setting.configure(|text| text.replace("csv = \"users.csv\"\n", "") + "\n" + &change(ldap));
}

#[test]
fn people_of_the_directory_have_their_addresses_in_the_mails() {
    let Some(slapd) = Slapd::start(STAFF) else { return };
    let setting = Setting::new(81, 200);
    configure(&setting, &slapd, |ldap| ldap);
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    let ldap = &checked["directory"]["ldap"];
    assert_eq!((&checked["directory"]["jids"], &ldap["entries"], &ldap["people"]), (&2.into(), &3.into(), &2.into()));
    let unmapped = checked["unmapped"].as_array().unwrap();
    assert!(!unmapped.is_empty() && unmapped.iter().all(|row| !row["party"].as_str().unwrap().starts_with("asmith@")));
    let told =
        ["2 JIDs have an address", "3 entries: 2 people", "1 that are wrong", "uid=temp01,dc=example,dc=com: its `mail` is no address"];
    setting.run("check", &[]).assert(3, &told);

    setting.run("run", &[]).assert(3, &["participant has no address"]);
    let mails: Vec<_> = files(&setting.archive()).into_iter().filter(|(path, _)| path.starts_with("items/")).collect();
    let holding = |text: &str| mails.iter().filter(|(_, mail)| String::from_utf8_lossy(mail).contains(text)).count();
    assert!(holding("Alice of the directory") > 0 && holding("<alice@directory.example>") > 0);
    assert!(holding("<bob@directory.example>") > 0);
    assert_eq!(holding("asmith@im.example.com.jid.invalid"), 0);

    configure(&setting, &slapd, |ldap| {
        ldap.replace(&slapd.tls_port().to_string(), &slapd.port().to_string()) + "encrypt = \"start-tls\"\n"
    });
    setting.run("check", &[]).assert(3, &["2 JIDs have an address"]);
}

#[test]
fn a_directory_that_gives_nobody_is_told() {
    let Some(slapd) = Slapd::start(STAFF) else { return };
    let setting = Setting::new(82, 100);
    configure(&setting, &slapd, |ldap| ldap + "filter = \"(uid=nobody)\"\n");
    setting.run("check", &[]).assert(3, &["the directory gives nobody an address: check `[directory]`", "0 entries"]);
}

#[test]
fn a_directory_that_refuses_is_no_archive_without_people() {
    let Some(slapd) = Slapd::start(STAFF) else { return };
    let setting = Setting::new(83, 100);
    let secret = setting.folder.path().join("password");
    fs::write(&secret, "hunter2\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let wrong = |ldap: String| ldap.replace("{ env = \"JABBER_TEST_PASSWORD\" }", "{ file = \"password\" }");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let port = slapd.tls_port().to_string();
    for (change, code, words) in [
        (&wrong as Change<'_>, 1, &["refuses the sign-in of `cn=reader,dc=example,dc=com`", "LDAP result 49"][..]),
        (&|ldap| ldap.replace(&port, &closed), 1, &["the server cannot be reached", "`host` and `port`"]),
        (&|ldap| ldap.replace("ca_file = \"ldap-ca.pem\"\n", ""), 2, &["no encrypted connection", "`ca_file`"]),
        (&|ldap| ldap.replace("base = \"", "base = \"ou=nowhere,"), 2, &["there is no `ou=nowhere,dc=example,dc=com`"]),
    ] {
        configure(&setting, &slapd, change);
        for name in ["check", "run"] {
            let ran = setting.run(name, &[]);
            ran.assert(code, words);
            assert!(!ran.err.contains("hunter2"), "{ran:?}");
        }
    }
    assert!(!setting.archive().exists());
    // Tried again as long as anything else is.
    configure(&setting, &slapd, |ldap| ldap.replace(&port, &closed));
    setting.run("run", &[]).assert(1, &["trying again in"]);
}

#[test]
fn settings_of_the_directory_that_do_not_belong_together_are_refused() {
    let setting = Setting::new(84, 100);
    let whole = "host = \"localhost\"\nbase = \"dc=example,dc=com\"\nuser_id = \"uid\"\njid_domain = \"im.example.com\"\n";
    for (from, to, words) in [
        ("host", "hots", &["no key `hots`", "did you mean `host`?"][..]),
        ("base = \"dc=example,dc=com\"\n", "", &["missing field `base`"]),
        ("localhost", "ldaps://localhost:636", &["`ldaps://localhost:636` is no host"]),
        ("user_id = \"uid\"\njid_domain = \"im.example.com\"\n", "", &["[directory.ldap]", "does not say what tells a JID"]),
        ("jid_domain = \"im.example.com\"\n", "", &["`jid_domain` is missing"]),
        ("user_id = \"uid\"\n", "jid = \"mail\"\n", &["`jid_domain` has no meaning without `user_id`"]),
        ("user_id", "jid = \"mail\"\nuser_id", &["`user_id` and `jid` exclude each other"]),
        ("base", "bind_dn = \"cn=reader\"\nbase", &["`bind_dn` and `password` belong together"]),
        ("base", "bind_dn = \"cn=reader\"\npassword = \"hunter2\"\nbase", &["a secret is never written here"]),
        ("base", "bind_dn = \"cn=reader\"\npassword = { env = \"NO_SUCH_VARIABLE\" }\nbase", &["no variable `NO_SUCH_VARIABLE`"]),
        ("base", "encrypt = \"ssl\"\nbase", &["ssl", "`tls`, `start-tls`"]),
        ("base", "filter = \"uid=*)\"\nbase", &["`uid=*)` is no filter"]),
        ("base", "ca_file = \"nobody.pem\"\nbase", &["read ca_file", "nobody.pem: the file cannot be read"]),
        ("base", "timeout = \"soon\"\nbase", &["`soon` is no length of time"]),
    ] {
        let ldap = whole.replacen(from, to, 1);
        setting.configure(|text| text.replace("csv = \"users.csv\"\n", "") + "\n[directory.ldap]\n" + &ldap);
        for name in ["check", "run"] {
            let ran = setting.run(name, &[]);
            ran.assert(2, words);
            assert!(!ran.err.contains("hunter2"), "{ran:?}");
        }
    }
    for other in ["csv = \"users.csv\"\n", "jid_is_email = true\n"] {
        setting.configure(|text| text.replace("csv = \"users.csv\"\n", other) + "\n[directory.ldap]\n" + whole);
        setting.run("check", &[]).assert(2, &["`csv`, `ldap` and `jid_is_email` exclude each other"]);
    }
}
