//! Who gets what.

use std::{collections::BTreeSet, sync::Arc};

use jabber_archive_core::{
    Address, BareJid, ConversationKind, Converter, Journal, MemoryDirectory, Party, People, PerMessage, Person, Rsmf, Timestamp,
    Transcript, TranscriptSettings,
    testing::{generators, memory::MemoryMailboxes},
};

use crate::office::{Office, delivered, settings};

#[tokio::test]
async fn every_mapped_participant_gets_each_mail_once_and_nobody_else_gets_any() {
    let office = Office::varied(60).await;
    let mailboxes = MemoryMailboxes::default();
    let imported = office.import(&mailboxes).await;
    let expected = office.expected(None, TranscriptSettings::default());
    assert!(expected.len() >= 3, "{:?}", expected.keys());
    assert_eq!(delivered(&mailboxes), expected);
    let copies: usize = expected.values().map(Vec::len).sum();
    assert_eq!((imported.delivered, imported.found, imported.items), (copies as u64, 0, office.mails.len() as u64));
    let bytes: usize = expected.values().flatten().map(bytes::Bytes::len).sum();
    assert_eq!(imported.bytes, bytes as u64);
    assert!(imported.is_whole() && mailboxes.searches() == 0);
    office.verify(imported.head.unwrap()).await;
}

#[tokio::test]
async fn a_second_import_adds_nothing_and_leaves_the_chain_as_it_is() {
    let office = Office::varied(20).await;
    let mailboxes = MemoryMailboxes::default();
    office.import(&mailboxes).await;
    let (head, calls) = (office.head().await, mailboxes.calls());
    let second = office.import(&mailboxes).await;
    assert_eq!((second.items, second.due, second.entries), (0, 0, None));
    assert_eq!((office.head().await, mailboxes.calls()), (head, calls));
}

#[tokio::test]
async fn what_its_owner_removed_is_not_delivered_again() {
    let office = Office::varied(20).await;
    let mailboxes = MemoryMailboxes::default();
    office.import(&mailboxes).await;
    let address = mailboxes.addresses().into_iter().next().unwrap();
    mailboxes.empty(&address);
    // Another selection looks at everything anew.
    let mut caught = settings();
    caught.recipients = caught.recipients.catch_all("archive@example.com");
    let (imported, ended) = office.import_with(&mailboxes, caught, None).await;
    ended.unwrap();
    assert!(imported.delivered > 0 && imported.delivered == mailboxes.mails("archive@example.com").len() as u64);
    assert!(mailboxes.mails(&address).is_empty());
    let mut expected = office.expected(Some("archive@example.com"), TranscriptSettings::default());
    expected.remove(&address);
    assert_eq!(delivered(&mailboxes), expected);
}

#[tokio::test]
async fn a_mail_is_received_when_the_chat_began_or_when_it_is_imported() {
    let office = Office::varied(10).await;
    let chat = MemoryMailboxes::default();
    office.import(&chat).await;
    let began: BTreeSet<Timestamp> =
        office.conversations.iter().flat_map(|one| one.messages.iter().map(|message| message.key.start)).collect();
    let in_seconds: BTreeSet<i64> = began.iter().map(|time| time.millis().div_euclid(1_000)).collect();
    for address in chat.addresses() {
        for (content, received) in chat.mails(&address) {
            let received = received.unwrap();
            let text = String::from_utf8_lossy(&content);
            let listed = office.mails.iter().find(|mail| mail.content == content).unwrap().messages.len();
            assert!(listed == 0 || in_seconds.contains(&received.millis().div_euclid(1_000)), "{received} {}", &text[..400]);
        }
    }
    let import = MemoryMailboxes::default();
    let mut settings = settings();
    settings.received_when_said = false;
    let other = Office::varied(10).await;
    other.import_with(&import, settings, None).await.1.unwrap();
    assert!(import.addresses().iter().flat_map(|address| import.mails(address)).all(|(_, received)| received.is_none()));
    assert_eq!(delivered(&import), delivered(&chat));
}

#[tokio::test]
async fn all_go_to_the_mailboxes_that_are_for_all() {
    let office = Office::varied(20).await;
    let mailboxes = MemoryMailboxes::default();
    let mut all = settings();
    all.recipients = all.recipients.to(["One@example.com", "two@example.com"]);
    office.import_with(&mailboxes, all, None).await.1.unwrap();
    let mut contents: Vec<_> = office.mails.iter().map(|mail| mail.content.clone()).collect();
    contents.sort();
    let both = ["one@example.com", "two@example.com"].map(|address| (address.to_owned(), contents.clone()));
    assert_eq!(delivered(&mailboxes), both.into());
}

#[tokio::test]
async fn rooms_go_to_their_own_mailbox() {
    let office = Office::varied(60).await;
    let mailboxes = MemoryMailboxes::default();
    let mut apart = settings();
    apart.recipients = apart.recipients.rooms_to(["rooms@example.com"]);
    office.import_with(&mailboxes, apart, None).await.1.unwrap();
    let of_rooms = |kind: ConversationKind| matches!(kind, ConversationKind::Room | ConversationKind::AdHoc);
    let (rooms, chats): (Vec<_>, Vec<_>) = office.conversations.iter().cloned().partition(|one| of_rooms(one.kind));
    assert!(!rooms.is_empty() && !chats.is_empty());
    let chats = Office::of(chats, TranscriptSettings::default()).await;
    let rooms = Office::of(rooms, TranscriptSettings::default()).await;
    let mut expected = chats.expected(None, TranscriptSettings::default());
    let mut contents: Vec<_> = rooms.mails.iter().map(|mail| mail.content.clone()).collect();
    contents.sort();
    expected.insert("rooms@example.com".to_owned(), contents);
    assert_eq!(delivered(&mailboxes), expected);
}

#[tokio::test]
async fn a_conversation_of_many_parts_goes_to_all_of_its_people_in_all_of_its_parts() {
    let mut conversation = generators::sample(generators::conversation(), 60)
        .into_iter()
        .find(|one| one.kind == ConversationKind::Room && one.messages.len() > 1)
        .unwrap();
    let sample = conversation.participants[0].clone();
    for number in 0..1_200 {
        let mut person = sample.clone();
        let jid = format!("crowd{number}@im.example.com");
        person.party = Party::User(BareJid::new(&jid).unwrap());
        person.address = Address::Mapped(format!("crowd{number}@example.com"));
        (person.name, person.sent) = (None, false);
        conversation.participants.push(person);
    }
    conversation.participants.sort_by(|one, other| one.party.cmp(&other.party));
    let smallest = TranscriptSettings::default().with_max_item_bytes(256 * 1024);
    let office = Office::of(vec![conversation], smallest.clone()).await;
    assert!(office.mails.len() > 1, "several parts");
    let mailboxes = MemoryMailboxes::default();
    let mut many = settings();
    many.recipients = many.recipients.most(10_000);
    office.import_with(&mailboxes, many, None).await.1.unwrap();
    let expected = office.expected(None, smallest);
    assert!(expected.len() >= 1_200 && expected["crowd1199@example.com"].len() == office.mails.len());
    assert_eq!(delivered(&mailboxes), expected);
}

#[tokio::test]
async fn who_gets_an_address_later_gets_what_was_said_before() {
    let office = Office::varied(60).await;
    let mailboxes = MemoryMailboxes::default();
    office.import(&mailboxes).await;
    let before = delivered(&mailboxes);
    let unmapped =
        office.conversations.iter().flat_map(|one| &one.participants).find_map(|person| match (&person.party, &person.address) {
            (Party::User(jid), Address::Unmapped(_)) => Some(jid.clone()),
            _ => None,
        });
    let jid = unmapped.unwrap();
    let mut directory = MemoryDirectory::new();
    directory.add(jid.clone(), Person::new("New.Hire@example.com", None));
    let people = People::new(Arc::new(directory));
    let since = office.conversations.iter().map(|one| one.window.start()).min().unwrap();
    let (imported, ended) = office.import_with(&mailboxes, settings(), Some((since, people.clone()))).await;
    ended.unwrap();
    let their: Vec<_> = office
        .conversations
        .iter()
        .filter(|one| one.participants.iter().any(|person| person.party == Party::User(jid.clone()) && person.address.reaches_nobody()))
        .cloned()
        .collect();
    let mut contents: Vec<_> =
        Office::of(their, TranscriptSettings::default()).await.mails.iter().map(|mail| mail.content.clone()).collect();
    contents.sort();
    assert_eq!((imported.delivered, imported.refusals()), (contents.len() as u64, 0));
    let mut expected = before;
    expected.insert("new.hire@example.com".to_owned(), contents);
    assert_eq!(delivered(&mailboxes), expected);
    // Asking again adds nothing.
    let (again, ended) = office.import_with(&mailboxes, settings(), Some((since, people))).await;
    ended.unwrap();
    assert_eq!((again.due, again.entries), (0, None));
}

#[tokio::test]
async fn mails_of_every_form_go_to_the_people_of_their_conversation() {
    let facts = generators::facts();
    let settings = TranscriptSettings::default();
    let per_message = PerMessage::new(&facts, settings.clone()).unwrap();
    let journal = Journal::new(&facts, Transcript::new(&facts, settings.journaled().unwrap()).unwrap()).unwrap();
    let rsmf = Rsmf::new(&facts, TranscriptSettings::default()).unwrap();
    for converter in [&per_message as &dyn Converter, &journal, &rsmf] {
        let office = Office::made_by(generators::sample(generators::conversation(), 40), converter).await;
        let mailboxes = MemoryMailboxes::default();
        // Every second answer is lost, so that mails have to be found again by their own Message-IDs.
        for call in (2..2_000).step_by(2) {
            mailboxes.fail(call, true);
        }
        let imported = office.import(&mailboxes).await;
        assert!(imported.found > 0 && imported.is_whole(), "{imported:?}");
        assert_eq!(delivered(&mailboxes), office.expected_of(None, converter), "{}", converter.recipe().name);
        for (content, _) in mailboxes.addresses().iter().flat_map(|address| mailboxes.mails(address)) {
            let mail = office.mails.iter().find(|mail| mail.content == content).unwrap();
            let id = format!("Message-ID: <{}@{}>", mail.key.id, facts.message_id_domain);
            assert!(String::from_utf8_lossy(&content).contains(&id));
        }
    }
}
