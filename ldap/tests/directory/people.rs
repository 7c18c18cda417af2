//! Which entries become which people.

use jabber_archive_core::ErrorClass;
use jabber_archive_ldap::testing::Slapd;

use crate::entries::{jid, person, staff, user_id, who};

fn known(email: &str, name: &str) -> (String, Option<String>) {
    (email.to_owned(), Some(name.to_owned()))
}

#[tokio::test]
async fn everybody_comes_however_many_pages_it_takes() {
    let staff = |number: usize| {
        let (id, mail) = (format!("user{number:05}"), format!("user.{number:05}@example.com"));
        person(&id, &[("sAMAccountName", &id), ("mail", &mail)])
    };
    let Some(slapd) = Slapd::start(&(0..3_500).map(staff).collect::<String>()) else { return };
    // The last page is full, is not, is the only one.
    for page_size in [500, 1_000, 5_000] {
        let fetched = slapd.config(user_id()).page_size(page_size).fetch().await.unwrap();
        assert_eq!((fetched.survey.entries, fetched.survey.people, fetched.directory.len()), (3_500, 3_500, 3_500));
        for number in 0..3_500 {
            let found = who(&fetched.directory, &format!("user{number:05}@im.example.com"));
            assert_eq!(found, (format!("user.{number:05}@example.com"), None));
        }
    }
}

#[tokio::test]
async fn names_and_user_ids_keep_every_character() {
    let entries = [
        person(
            "one",
            &[("SAMACCOUNTNAME", "pat o'brien"), ("mail", "pat.obrien@example.com"), ("displayName", "O'Brien, Pat \"Paddy\" \\ <pat>")],
        ),
        person("two", &[("sAMAccountName", "zoe@example.com"), ("mail", "zoe.mueller@example.com"), ("displayName", "Zoë Müller 田中 🚀")]),
        // 'JÜRGEN' and 'Jürgen Straße' in base64.
        "dn: cn=three,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: user\ncn: three\nsn: three\nmail: juergen@example.com\n\
         sAMAccountName:: SsOcUkdFTg==\ndisplayName:: SsO8cmdlbiBTdHJhw59l\n\n"
            .to_owned(),
    ];
    let Some(slapd) = Slapd::start(&entries.concat()) else { return };
    let config = slapd.config(user_id()).email("MAIL").name("displayname");
    let directory = config.fetch().await.unwrap().directory;
    let pat = known("pat.obrien@example.com", "O'Brien, Pat \"Paddy\" \\ <pat>");
    assert_eq!(who(&directory, "pat\\20o\\27brien@im.example.com"), pat);
    assert_eq!(who(&directory, "pat o'brien@im.example.com"), pat);
    let zoe = known("zoe.mueller@example.com", "Zoë Müller 田中 🚀");
    assert_eq!(who(&directory, "zoe\\40example.com@im.example.com"), zoe);
    assert_eq!(who(&directory, "zoe@example.com@im.example.com"), zoe);
    assert_eq!(who(&directory, "jürgen@im.example.com"), known("juergen@example.com", "Jürgen Straße"));
}

#[tokio::test]
async fn addresses_are_found_behind_the_kind_that_is_written_before_them() {
    let entries = [
        person(
            "one",
            &[
                ("msRTCSIP-PrimaryUserAddress", "sip:Alice.Smith@im.example.com"),
                ("mail", "alice.smith@example.com"),
                ("displayName", "Alice"),
            ],
        ),
        person(
            "two",
            &[
                ("msRTCSIP-PrimaryUserAddress", "SIP:bob@im.example.com"),
                ("mail", "bob@example.com"),
                ("proxyAddresses", "smtp:a.bob@example.com"),
                ("proxyAddresses", "x500:/o=Example/cn=bob"),
                ("proxyAddresses", "smtp:b\u{f6}b@example.com"),
                ("proxyAddresses", "SMTP:bob.jones@example.com"),
                ("proxyAddresses", "sip:bob@im.example.com"),
                ("proxyAddresses", "im:bob@chat.example.com"),
                ("displayName", "Bob"),
            ],
        ),
    ];
    let Some(slapd) = Slapd::start(&entries.concat()) else { return };
    let directory = slapd.config(jid("msrtcsip-primaryuseraddress")).fetch().await.unwrap().directory;
    assert_eq!(who(&directory, "alice.smith@im.example.com"), known("alice.smith@example.com", "Alice"));
    assert_eq!(who(&directory, "bob@im.example.com"), known("bob@example.com", "Bob"));
    assert_eq!(directory.len(), 2);

    let fetched = slapd.config(jid("proxyAddresses")).email("proxyAddresses").fetch().await.unwrap();
    let bob = known("bob.jones@example.com", "Bob");
    assert_eq!(who(&fetched.directory, "bob@im.example.com"), bob);
    assert_eq!(who(&fetched.directory, "bob@chat.example.com"), bob);
    assert_eq!((fetched.directory.len(), fetched.survey.entries), (2, 1), "the filter asks for the attribute with the address");
}

#[tokio::test]
async fn entries_that_are_nobody_are_counted_and_those_that_are_wrong_are_named() {
    let entries = [
        staff(),
        person("no mail", &[("sAMAccountName", "nomail")]),
        person("no id", &[("mail", "noid@example.com")]),
        person("no address", &[("sAMAccountName", "noaddress"), ("mail", "nobody")]),
        person("two words", &[("sAMAccountName", "twowords"), ("mail", "two words@example.com")]),
        person("umlaut", &[("sAMAccountName", "umlaut"), ("mail", "j\u{f6}rg@example.com")]),
        person("pair", &[("sAMAccountName", "pair"), ("mail", "a@example.com,b@example.com")]),
        // Bytes that are no UTF-8.
        "dn: cn=picture,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: picture\nsn: picture\nmail: picture@example.com\njpegPhoto:: /9j/4A==\n\n".to_owned(),
        "dn: ou=elsewhere,dc=example,dc=com\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: ldap://192.0.2.1/ou=elsewhere,dc=example,dc=com\n\n"
            .to_owned(),
    ];
    let Some(slapd) = Slapd::start(&entries.concat()) else { return };
    let fetched = slapd.config(user_id()).filter("(objectClass=person)").fetch().await.unwrap();
    let survey = fetched.survey;
    // The reader itself has no user id.
    assert_eq!((survey.entries, survey.people, survey.without_jid, survey.without_email), (11, 3, 3, 1));
    let named: Vec<_> = survey.unusable.iter().map(|entry| (entry.dn.clone(), entry.why.clone())).collect();
    assert_eq!(
        named,
        ["no address", "pair", "two words", "umlaut"]
            .map(|name| (format!("cn={name},dc=example,dc=com"), "its `mail` is no address".to_owned()))
    );
    assert_eq!(survey.references, 1, "other servers are not asked");

    let of_picture = slapd.config(jid("jpegPhoto")).fetch().await.unwrap().survey;
    assert_eq!(of_picture.unusable[0].why, "its `jpegPhoto` is not text");
    let of_ids = slapd.config(jid("sAMAccountName")).fetch().await.unwrap();
    assert!(of_ids.directory.is_empty());
    assert_eq!(of_ids.survey.unusable[0].why, "its `sAMAccountName` is no JID");
}

#[tokio::test]
async fn one_jid_has_one_address_or_both_entries_are_named() {
    let alice = |name: &str, mail: &str, shown: &str| person(name, &[("sAMAccountName", "asmith"), ("mail", mail), ("displayName", shown)]);
    let same = [alice("one", "Alice@example.com", "Smith, Alice"), alice("two", "alice@example.com", "Alice Smith")].concat();
    let Some(slapd) = Slapd::start(&same) else { return };
    let directory = slapd.config(user_id()).fetch().await.unwrap().directory;
    assert_eq!(who(&directory, "asmith@im.example.com"), known("Alice@example.com", "Smith, Alice"));

    let different = [alice("two", "alice.smith@example.com", "Alice"), alice("one", "adam.smith@example.com", "Adam"), staff()].concat();
    let slapd = Slapd::start(&different).unwrap();
    let error = slapd.config(user_id()).fetch().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    let what = "`cn=asmith,dc=example,dc=com` and `cn=one,dc=example,dc=com` give asmith@im.example.com different addresses";
    assert!(error.to_string().contains(what), "{error}");
}
