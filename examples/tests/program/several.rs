//! Several databases as one source, and how each is reached.

use std::fs;

use jabber_archive_sql::testing::{Database, SqlServer, Tls};

use crate::program::{Setting, content, files};

/// One database of several, and its server.
struct Share {
    database: Database,
    server: SqlServer,
    tables: &'static [&'static str],
}

/// The tables of the setting's database, spread over three: messages on two servers, rooms on a third.
fn spread(setting: &Setting) -> Vec<Share> {
    const MESSAGES: &[&str] = &["jm"];
    const ROOMS: &[&str] = &["tc_msgarchive", "tc_timelog", "tc_rooms", "tc_users"];
    let shares = [("jm1", MESSAGES), ("jm2", MESSAGES), ("muc", ROOMS)];
    let share = |(index, (name, tables)): (usize, (&str, &'static [&'static str]))| {
        let database = Database::new(name);
        for table in tables {
            let table = setting.database.table(table).unwrap();
            let rows = table.read();
            let rows: Vec<_> = if tables == MESSAGES { rows.skip(index).step_by(2).collect() } else { rows.collect() };
            assert!(!rows.is_empty());
            database.put(table.rows(rows));
        }
        let server = setting.serve(SqlServer::setup(database.clone()));
        Share { database, server, tables }
    };
    shares.into_iter().enumerate().map(share).collect()
}

/// The lines that do not begin with these keys.
fn without(text: &str, keys: &[&str]) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !keys.iter().any(|key| line.starts_with(key))).collect();
    lines.join("\n") + "\n"
}

fn configure(setting: &Setting, shares: &[Share], change: impl FnOnce(String) -> String) {
    let sources: Vec<String> = shares
        .iter()
        .map(|Share { database, server, tables }| {
            format!(
                "[[source]]\nkind = \"mssql\"\nname = \"the {0} server\"\nhost = \"127.0.0.1\"\nport = {1}\ndatabase = \"{0}\"\n\
                 user = \"jabber_reader\"\npassword = {{ env = \"JABBER_TEST_PASSWORD\" }}\nencrypt = \"off\"\ntables = {tables:?}\n\n",
                database.name(),
                server.port(),
            )
        })
        .collect();
    setting.configure(|text| {
        let (start, end) = (text.find("[[source]]").unwrap(), text.find("[directory]").unwrap());
        change(format!("{}{}{}", &text[..start], sources.concat(), &text[end..]))
    });
}

#[test]
fn tables_that_are_spread_over_servers_make_the_same_archive() {
    let setting = Setting::new(71, 400);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    let shares = spread(&setting);
    configure(&setting, &shares, |text| text.replace("path = \"archive\"", "path = \"several\""));
    setting.run("run", &[]).assert(3, &[]);
    assert!(content(&setting.folder.path().join("several")) == expected);
    setting.run("verify", &[]).assert(0, &[]);
    let again = setting.run("run", &["--json"]).assert(0, &[]).json();
    assert_eq!(again["seals"], 0);
}

#[test]
fn check_tells_of_each_database_by_name() {
    let setting = Setting::new(72, 200);
    let shares = spread(&setting);
    configure(&setting, &shares, |text| text);
    let names: Vec<String> =
        shares.iter().map(|share| format!("the {0} server (127.0.0.1:{1}/{0})", share.database.name(), share.server.port())).collect();
    let sources: Vec<String> = names.iter().map(|name| format!("source {name}: SQL Server")).collect();
    let mut words: Vec<&str> = sources.iter().map(String::as_str).collect();
    words.extend(["table  jm", "table  tc_users", "nothing was written"]);
    let told = setting.run("check", &[]);
    told.assert(3, &words);
    assert!(!told.out.contains("not there"), "of the tables that lie elsewhere nothing is said: {told:?}");
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    let told: Vec<&str> = checked["sources"].as_array().unwrap().iter().map(|source| source["source"].as_str().unwrap()).collect();
    assert_eq!(told, names);
    let tables: Vec<usize> =
        checked["sources"].as_array().unwrap().iter().map(|source| source["tables"].as_array().unwrap().len()).collect();
    assert_eq!(tables, [1, 1, 4]);

    shares[1].database.deny("jm");
    setting.run("check", &[]).assert(3, &["may not read it"]);
}

#[test]
fn one_server_that_is_down_fails_the_run_by_name_before_anything_is_sealed() {
    for down in 0..3 {
        let setting = Setting::new(73, 200);
        let mut shares = spread(&setting);
        configure(&setting, &shares, |text| text);
        let Share { database, server, .. } = shares.remove(down);
        let name = format!("the {0} server (127.0.0.1:{1}/{0})", database.name(), server.port());
        drop(server);
        setting.run("run", &[]).assert(1, &[&format!("connect to {name}: the server cannot be reached")]);
        let left = files(&setting.archive());
        assert!(left.keys().all(|path| path == "archive.json"), "{:?}", left.keys());
        setting.run("check", &[]).assert(1, &[&name, "cannot be reached"]);
    }
}

#[test]
fn a_clock_that_is_wrong_is_told_of_by_the_name_of_its_server() {
    let setting = Setting::new(74, 200);
    let shares = spread(&setting);
    configure(&setting, &shares, |text| text);
    let hours_ago = "2026-11-01T00:00:00Z".parse().unwrap();
    shares[2].database.set_clock(hours_ago);
    setting.run("run", &[]).assert(1, &["compare clocks the muc server", "more than `settle`"]);
    setting.run("check", &[]).assert(3, &["a run would be refused", "that of the muc server"]);
}

#[test]
fn databases_that_do_not_belong_together_are_refused() {
    let setting = Setting::new(75, 100);
    let shares = spread(&setting);
    let twice = |text: String| {
        let (start, end) = (text.find("[[source]]").unwrap(), text.find("[directory]").unwrap());
        let first = text[start..end].split("[[source]]").nth(1).unwrap().to_owned();
        text.replacen("[directory]", &format!("[[source]]{}[directory]", first.replace("the jm1 server", "another")), 1)
    };
    configure(&setting, &shares, twice);
    setting.run("run", &[]).assert(2, &["it reads a table that", "counted twice", "leave one out"]);
    configure(&setting, &shares, |text| text.replacen("tables = [\"jm\"]\n", "", 1));
    setting.run("run", &[]).assert(2, &["the jm1 server", "does not say which `tables` it has"]);
    configure(&setting, &shares[2..], |text| text.replace("\"tc_msgarchive\", ", ""));
    setting.run("check", &[]).assert(2, &["no source has `jm` or `tc_msgarchive`"]);
    // A name of two that read nothing twice.
    configure(&setting, &shares[..2], |text| {
        text.replace("the jm2 server", "the jm1 server").replace("name = \"the jm1 server\"", "name = \"x\"")
    });
    setting.run("check", &[]).assert(3, &["source x (127.0.0.1:"]);
    assert!(!setting.archive().exists());
}

#[test]
fn settings_that_contradict_each_other_are_refused_by_name() {
    let setting = Setting::new(76, 100);
    let with = |remove: &str, add: &str| {
        setting.configure(|text| {
            let text = remove.split('|').fold(text, |text, line| if line.is_empty() { text } else { without(&text, &[line]) });
            text.replace("kind = \"mssql\"\n", &format!("kind = \"mssql\"\n{add}\n"))
        });
        setting.run("check", &[])
    };
    let token = "login = { entra_token = { env = \"JABBER_TEST_PASSWORD\" } }";
    for (remove, add, words) in [
        ("", "instance = \"CISCO\"", &["`port` and `instance` exclude each other"][..]),
        ("user|password", "", &["it does not say how to sign in"]),
        ("password", "", &["`user` and `password` belong together"]),
        ("", token, &["`login` excludes `user` and `password`"]),
        ("user|password", token, &["never sent in the clear"]),
        ("user|password", "login = \"ntlm\"", &["unknown variant `ntlm`", "kerberos"]),
        ("user|password", "login = { entra_token = \"eyJ0\" }", &["a secret is never written here"]),
        ("", "ca_file = \"ca.pem\"", &["`ca_file` has no meaning with `encrypt = \"off\"`"]),
        (
            "encrypt",
            "trust_server_certificate = true\nca_file = \"ca.pem\"",
            &["`ca_file` has no meaning where every certificate is trusted"],
        ),
        ("encrypt", "encrypt = \"strict\"\ntrust_server_certificate = true", &["trusts no certificate unseen"]),
        ("encrypt", "client_key = \"client.key\"", &["`client_certificate` and `client_key` belong together"]),
        ("encrypt", "encrypt = \"maybe\"", &["unknown variant `maybe`"]),
        ("", "hostname_in_certificate = \"x\"", &["no key `hostname_in_certificate`", "did you mean `host_name_in_certificate`?"]),
    ] {
        let refused = with(remove, add);
        refused.assert(2, words);
        assert!(!refused.err.contains("eyJ0"), "{refused:?}");
    }
    if cfg!(feature = "kerberos") {
        with("user|password", "login = \"kerberos\"").assert(1, &["Kerberos gives no ticket for the server", "klist"]);
    } else {
        with("user|password", "login = \"kerberos\"").assert(2, &["built without Kerberos", "--features kerberos"]);
    }
}

#[test]
fn an_access_token_signs_in_and_one_that_is_refused_is_waited_for() {
    let setting = Setting::new(77, 200);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    setting.database.accept_token("eyJ0-of-today");
    let server = setting.serve(SqlServer::setup(setting.database.clone()).tls(Tls::Strict));
    fs::write(setting.folder.path().join("ca.pem"), server.authority().unwrap()).unwrap();
    let token = setting.folder.path().join("token");
    let keep = |text: &str| {
        fs::write(&token, text).unwrap();
        fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    setting.configure(|text| {
        let text = without(&text, &["port", "user", "password", "encrypt"]);
        let signed = format!(
            "port = {}\nencrypt = \"strict\"\nca_file = \"ca.pem\"\n[source.login]\nentra_token = {{ file = \"token\" }}\n\n[directory]",
            server.port()
        );
        text.replace("[directory]", &signed).replace("path = \"archive\"", "path = \"by-token\"")
    });
    keep("eyJ0-of-yesterday");
    let refused = setting.run("run", &[]);
    refused.assert(1, &["refuses the login of the access token's account", "trying again in", "has not expired"]);
    assert!(!refused.err.contains("eyJ0-of"), "{refused:?}");
    keep("eyJ0-of-today");
    setting.run("run", &[]).assert(3, &[]);
    assert!(content(&setting.folder.path().join("by-token")) == expected);
    // The configuration is kept: it names the place of the token, and not the token.
    let kept = files(&setting.folder.path().join("by-token"));
    let holding = |text: &str| kept.iter().filter(|(_, content)| String::from_utf8_lossy(content).contains(text)).count();
    assert_eq!((holding("\"entra_token\""), holding("eyJ0-of")), (1, 0));
}
