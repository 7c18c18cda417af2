//! Who the people are, and what becomes of those whom nobody knows.

use jabber_archive_core::{Address, Conversation, Party};

use crate::program::{Setting, conversations};

fn directory(setting: &Setting, line: &str) {
    setting.configure(|text| text.replace("csv = \"users.csv\"", &format!("csv = \"users.csv\"\n{line}")));
}

#[test]
fn mails_with_people_without_an_address_go_to_the_catch_all_and_no_others() {
    let setting = Setting::new(81, 200);
    directory(&setting, "catch_all = \"archive@example.com\"");
    setting.run("run", &[]).assert(3, &[]);
    let (mut caught, mut others) = (0, 0);
    for mails in conversations(&setting.archive()) {
        let conversation = Conversation::from_mails(&mails).unwrap();
        let unreached = conversation.participants.iter().any(|person| {
            let is_room = matches!(&person.party, Party::Occupant { nick, .. } if nick.is_empty());
            matches!(person.address, Address::Unmapped(_)) && !is_room
        });
        for mail in &mails {
            let mail = String::from_utf8_lossy(mail);
            let head = mail.split("\r\n\r\n").next().unwrap();
            assert_eq!(head.contains("\"Participants without an address\""), unreached, "{head}");
            assert_eq!(mail.matches("archive@example.com").count(), usize::from(unreached), "in `To` and nowhere else");
            *if unreached { &mut caught } else { &mut others } += 1;
        }
    }
    assert!(caught > 0 && others > 0);

    directory(&setting, "catch_all = \"the archive\"");
    for name in ["check", "run"] {
        setting.run(name, &[]).assert(2, &["catch_all", "`the archive` is no address", "archive@example.com"]);
    }
}
