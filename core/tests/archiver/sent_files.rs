//! Files that were sent are archived with the messages that name them.

use std::{future::pending, sync::Arc};

use bytes::Bytes;
use futures::executor::block_on;
use jabber_archive_core::{
    Archiver, DeadLetter, Digest, ErrorClass, ErrorKind, Filter, FilterTerm, Finding, Jid, ObjectKey, Record, Transfer,
    testing::{
        faults::Faults,
        memory::{MemoryFiles, MemorySource, MemorySpool},
        rows::Row,
    },
};

use super::world::*;

const MIB: usize = 1 << 20;

/// A message of alice that announces a file under this resource name, which is also its text.
fn sent(time: &str, name: &str, resource: &str) -> Record {
    announced(ALICE, time, name, resource)
}

fn announced(from: &str, time: &str, name: &str, resource: &str) -> Record {
    let stanza = format!(
        "<message id='{resource}'><body>{resource}</body><advanced-file-transfer><filename>{name}</filename>\
         <url>https://imp:7336/files/{resource}</url></advanced-file-transfer></message>"
    );
    Row::jm(from, BOB).at(time).body(resource).stanza(&stanza).record()
}

fn path(name: &str) -> String {
    format!("/files/im/20261120/09/{name}")
}

/// The upload of this resource, which lies where one expects it.
fn upload(index: i64, resource: &str, size: usize) -> Transfer {
    let mut transfer = Transfer::new(index, resource);
    transfer.path = Some(path(resource));
    transfer.size = Some(size as u64);
    transfer
}

fn content(seed: u8, size: usize) -> Bytes {
    (0..size).map(|place| (place as u8).wrapping_mul(31) ^ (place >> 8) as u8 ^ seed).collect()
}

/// Files that lie where the log says, of these sizes, and a message for each, one a minute.
fn world_of(sizes: &[(&str, usize)]) -> World {
    let records = (0..).zip(sizes).map(|(minute, (name, _))| sent(&format!("2026-11-20T09:{minute:02}:00Z"), name, name)).collect();
    let files = MemoryFiles::new();
    for (name, size) in sizes {
        files.put(path(name), content(name.as_bytes()[0], *size));
    }
    let uploads = (1..).zip(sizes).map(|(index, (name, size))| upload(index, name, *size)).collect();
    with_files(records, uploads, files)
}

fn with_files(records: Vec<Record>, uploads: Vec<Transfer>, files: MemoryFiles) -> World {
    let mut world = World::new(records.clone());
    world.source = Arc::new(MemorySource::new(records, world.now).with_transfers(uploads).batches_of(5));
    world.files = Some(Arc::new(files));
    world
}

/// Small and large files in several windows and conversations, one that is gone, and one of which nothing is logged.
fn company_with_files() -> World {
    let mut records = company();
    records.extend([
        sent("2026-11-20T09:10:00Z", "a.txt", "r1"),
        sent("2026-11-20T09:11:00Z", "large.iso", "r2"),
        announced("chen@example.com/x", "2026-11-20T09:12:00Z", "again.iso", "r3"),
        sent("2026-11-20T11:59:58Z", "b.txt", "r4"),
        sent("2026-11-22T19:01:00Z", "gone.txt", "r5"),
        sent("2026-11-22T19:02:00Z", "nowhere.txt", "r6"),
    ]);
    let files = MemoryFiles::new();
    files.put(path("r1"), content(1, 1_000));
    files.put(path("r2"), content(2, 5 * MIB));
    files.put(path("r3"), content(2, 5 * MIB));
    files.put(path("r4"), content(4, 100_000));
    let sizes = [1_000, 5 * MIB, 5 * MIB, 100_001, 7];
    let uploads = (1..).zip(sizes).map(|(index, size)| upload(index, &format!("r{index}"), size)).collect();
    with_files(records, uploads, files)
}

/// The attachments of all mails, by name.
fn attachments(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut attached = Vec::new();
    for content in world.sink.items().values() {
        let mail = mail_parser::MessageParser::default().parse(&content[..]).unwrap();
        for part in mail.attachments() {
            use mail_parser::MimeHeaders as _;
            attached.push((part.attachment_name().unwrap().to_owned(), part.contents().to_vec()));
        }
    }
    attached.sort();
    attached
}

/// The text parts of all mails.
fn texts(world: &World) -> String {
    let text = |content: &Bytes| mail_parser::MessageParser::default().parse(&content[..]).unwrap().body_text(0).unwrap().into_owned();
    world.sink.items().values().map(text).collect()
}

#[test]
fn a_small_file_is_attached_and_a_large_one_is_an_object() {
    let world = company_with_files();
    let report = world.run().unwrap();
    world.check();
    assert_eq!(
        attachments(&world),
        [("a.txt".to_owned(), content(1, 1_000).to_vec())],
        "b.txt takes more than half of a mail of this world"
    );
    let object = |content: Bytes| (ObjectKey::new(Digest::of(&content)), content);
    let expected = [object(content(2, 5 * MIB)), object(content(4, 100_000))];
    assert!(world.sink.objects() == expected.into(), "the file that was sent twice is one object");
    assert_eq!(report.files, 4);
    assert!(texts(&world).contains("File (7 bytes, not found where it should be): gone.txt"));
    assert!(texts(&world).contains("File (size unknown): nowhere.txt"));
}

#[test]
fn however_little_memory_rows_have_their_files_are_archived_and_counted_the_same() {
    let whole = company_with_files();
    let report = whole.run().unwrap();
    for memory in [0, 4_000, 16_000] {
        let mut spilled = whole.anew();
        spilled.settings.memory = memory;
        spilled.spool = Some(Arc::new(MemorySpool::new()));
        let faults = Faults::none();
        let spilled_report = spilled.run_with(&faults).unwrap();
        spilled.check();
        assert!(faults.calls_of("read spool") > 2, "{faults:?}");
        assert!(spilled.outcome() == whole.outcome(), "memory of {memory}");
        assert!(spilled.sink.objects() == whole.sink.objects());
        assert_eq!((spilled_report.files, spilled_report.findings), (report.files, report.findings.clone()));
    }
}

#[test]
fn in_however_many_parts_a_window_is_written_the_log_is_asked_once_for_its_time() {
    let named: Vec<String> = (0..60).map(|number| format!("f{number}")).collect();
    let when = |number: usize| format!("2026-11-20T09:{number:02}:00Z");
    let records = named.iter().enumerate().map(|(number, name)| announced(&format!("u{number}@example.com"), &when(number), name, name));
    let uploads = named.iter().zip(1..).map(|(name, index)| {
        let mut upload = upload(index, name, 7);
        upload.sent = Some(at(&when(index as usize - 1)));
        upload
    });
    let files = MemoryFiles::new();
    for name in &named {
        files.put(path(name), content(name.as_bytes()[1], 7));
    }
    let mut world = with_files(records.collect(), uploads.collect(), files);
    world.settings.memory = 8_000;
    world.spool = Some(Arc::new(MemorySpool::new()));
    let faults = Faults::none();
    let report = world.run_with(&faults).unwrap();
    world.check();
    assert!(faults.calls_of("read spool") > 10, "one part of the window for some messages: {faults:?}");
    assert_eq!((faults.calls_of("transfers"), report.files), (1, 60));
}

#[test]
fn what_an_auditor_ought_to_know_of_files_is_counted_in_the_seal_and_the_report() {
    let world = company_with_files();
    let report = world.run().unwrap();
    let first = world.seal_at("2026-11-20T11:00:00Z");
    assert!(first.findings.contains(&Finding::FileSize { files: 1 }), "{:?}", first.findings);
    assert_eq!(first.files, 4);
    let later = world.seal_at("2026-11-22T19:00:00Z");
    assert_eq!(later.files, 0);
    for finding in [Finding::MissingFile { files: 1 }, Finding::UnloggedFile { files: 1 }] {
        assert!(later.findings.contains(&finding), "{:?}", later.findings);
        assert!(report.findings.contains(&finding));
    }
}

#[test]
fn a_place_that_is_none_is_a_finding_of_its_own_and_never_read() {
    let mut world = world_of(&[("r1", 10), ("r2", 10), ("r3", 10)]);
    world.files.as_ref().unwrap().put("/etc/passwd", "secret");
    let mut uploads = vec![upload(1, "r1", 10), upload(2, "r2", 10), upload(3, "r3", 10)];
    uploads[0].path = None;
    uploads[1].path = Some("/etc/passwd".to_owned());
    uploads[2].path = Some("/files/im/20261120/09/../09/r3".to_owned());
    world.source = Arc::new(
        MemorySource::new(
            vec![sent("2026-11-20T09:00:00Z", "a", "r1"), sent("2026-11-20T09:01:00Z", "b", "r2"), sent("2026-11-20T09:02:00Z", "c", "r3")],
            world.now,
        )
        .with_transfers(uploads),
    );
    let report = world.run().unwrap();
    world.check();
    assert!(report.findings.contains(&Finding::UnlocatedFile { files: 3 }), "{:?}", report.findings);
    assert_eq!((report.files, attachments(&world).len(), world.sink.objects().len()), (0, 0, 0));
    assert!(texts(&world).contains("File (10 bytes): a"), "the log's size is told");
}

#[test]
fn a_run_killed_at_any_call_is_completed_by_the_next_with_all_files() {
    let undisturbed = company_with_files();
    undisturbed.run().unwrap();
    for call in 1.. {
        let world = undisturbed.anew();
        let died = world.run_with(&Faults::killed_at(call)).is_err();
        world.sink.crash(|key| key.id.as_str().as_bytes()[0].is_multiple_of(2));
        world.check();
        world.run().unwrap();
        world.check();
        assert!(world.sink.objects() == undisturbed.sink.objects(), "killed at call {call}");
        assert!(world.outcome() == undisturbed.outcome(), "killed at call {call}");
        if !died {
            assert!(call > 90, "only {call} calls");
            break;
        }
    }
}

#[test]
fn files_that_fail_now_and_then_or_break_off_are_read_again_and_the_bytes_are_the_same() {
    let undisturbed = company_with_files();
    undisturbed.run().unwrap();
    for seed in 0..20 {
        let mut world = undisturbed.anew();
        world.settings.retry.tries = 1_000;
        world.settings.retry.total = std::time::Duration::MAX;
        let faults = Faults::seeded(seed).errors_before(15).errors_after(15).broken_streams(2).interleaved(30);
        world.run_with(&faults).unwrap();
        world.check();
        assert!(faults.calls_of("read file") > 15);
        assert!(world.outcome() == undisturbed.outcome(), "{seed}");
        assert!(world.sink.objects() == undisturbed.sink.objects(), "{seed}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_retried_and_then_its_whole_conversation_waits_as_dead_letters() {
    for (class, tries) in [(ErrorClass::Transient, 3), (ErrorClass::Item, 1)] {
        let mut world = company_with_files();
        world.settings.retry.tries = 3;
        world.files.as_ref().unwrap().unreadable(path("r1"), class);
        let faults = Faults::none();
        let report = world.run_with(&faults).unwrap();
        world.check();
        let seal = world.seal_at("2026-11-20T09:00:00Z");
        let letters = world.dead_letters(&seal);
        assert_eq!(seal.messages.dead_letters, letters.len() as u64);
        assert_eq!(faults.calls_of("open file"), 2 + tries, "r1 {tries} times, r3, r5; nothing behind r1 in its conversation");
        let mut bodies = Vec::new();
        for letter in &letters {
            let DeadLetter::Message { reason, message, .. } = letter else { panic!("{letter:?}") };
            assert_eq!(reason, "read file upload 1 in /files/im/20261120/09: it cannot be read");
            bodies.push(message.body.as_str());
        }
        bodies.sort_unstable();
        assert_eq!(bodies, ["good morning", "over the border", "r1", "r2", "r4"]);
        assert!(world.has("and to you") && !world.has("good morning"), "other conversations are archived, and no half of this one");
        assert_eq!(report.files, 1, "what chen sent");
    }
}

#[test]
fn a_store_that_is_gone_stops_the_run_before_the_window_is_sealed() {
    let mut world = company_with_files();
    world.settings.retry.tries = 3;
    world.files.as_ref().unwrap().set_gone(true);
    let error = world.run().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::File, "read file /files: it is gone"));
    world.check();
    assert!(world.seals().iter().all(|seal| seal.items == 0 || seal.span.end <= at("2026-11-20T00:00:00Z")), "{:?}", world.seals());
    assert!(world.ledger.kept(jabber_archive_core::KeptKind::DeadLetter).is_empty());
    world.files.as_ref().unwrap().set_gone(false);
    world.run().unwrap();
    let undisturbed = company_with_files();
    undisturbed.run().unwrap();
    assert_eq!(world.sink.items(), undisturbed.sink.items());
}

#[test]
fn a_store_that_is_gone_and_accepted_makes_dead_letters_which_are_tried_again_when_it_is_back() {
    let mut world = company_with_files();
    world.settings.accept = Some("the file server burned down".into());
    world.files.as_ref().unwrap().set_gone(true);
    let report = world.run().unwrap();
    world.check();
    assert!(world.observer.waits.lock().unwrap().is_empty(), "nobody waits for what is known to be gone");
    assert!(report.dead_letters > 0 && report.files == 0);
    assert_eq!(world.runs()[0].accepted.as_deref(), Some("the file server burned down"));
    world.settings.accept = None;
    world.files.as_ref().unwrap().set_gone(false);
    assert!(world.retry().unwrap().added > 0);
    world.check();
    let undisturbed = company_with_files();
    undisturbed.run().unwrap();
    assert_eq!(world.sink.objects(), undisturbed.sink.objects());
    let listed = |world: &World| world.chain().iter().filter_map(|entry| entry.record.seal()).map(|seal| seal.messages.listed).sum::<u64>();
    assert_eq!(listed(&world), listed(&undisturbed));
}

#[test]
fn an_error_that_is_fatal_stops_the_run_at_once() {
    let world = company_with_files();
    world.files.as_ref().unwrap().unreadable(path("r1"), ErrorClass::Fatal);
    let faults = Faults::none();
    let error = world.run_with(&faults).unwrap_err();
    assert_eq!((error.kind(), error.class(), faults.calls_of("check")), (ErrorKind::File, ErrorClass::Fatal, 0));
}

#[test]
fn what_one_conversation_holds_in_memory_is_bounded_and_the_rest_are_objects_in_order() {
    let world = world_of(&[("a", 4 * MIB), ("b", 4 * MIB + 1), ("c", 4 * MIB), ("d", 4 * MIB), ("e", 3 * MIB), ("f", 2 * MIB), ("g", MIB)]);
    // A converter without a limit of its own to speak of, so that what is held is what is attached.
    let settings = jabber_archive_core::TranscriptSettings::default().with_max_item_bytes(100 * MIB);
    let world = World { converter: Arc::new(jabber_archive_core::Transcript::new(&world.facts, settings).unwrap()), ..world };
    world.run().unwrap();
    world.check();
    let attached: Vec<String> = attachments(&world).into_iter().map(|(name, _)| name).collect();
    assert_eq!(attached, ["a", "c", "d", "e", "g"], "b is too large, f would be more than 16 MiB together");
    let expected = [("b", 4 * MIB + 1), ("f", 2 * MIB)].map(|(name, size)| {
        let content = content(name.as_bytes()[0], size);
        (ObjectKey::new(Digest::of(&content)), content)
    });
    assert!(world.sink.objects() == expected.into());
}

#[test]
fn a_file_is_found_by_name_peer_and_time_where_its_resource_is_not_logged() {
    let mut upload = upload(1, "another name", 10);
    upload.name = "a.txt".to_owned();
    upload.from = Jid::parse(ALICE);
    upload.to = Jid::parse(BOB);
    upload.sent = Some(at("2026-11-20T09:00:03Z"));
    let mut too_late = upload.clone();
    let files = || {
        let files = MemoryFiles::new();
        files.put(path("another name"), content(1, 10));
        files
    };
    let records = vec![sent("2026-11-20T09:00:00Z", "a.txt", "r1")];
    let world = with_files(records.clone(), vec![upload], files());
    assert_eq!(world.run().unwrap().files, 1);
    assert_eq!(attachments(&world).len(), 1);
    too_late.sent = Some(at("2026-11-20T09:00:03.003Z"));
    let world = with_files(records, vec![too_late], files());
    let report = world.run().unwrap();
    assert_eq!((report.files, report.findings.contains(&Finding::UnloggedFile { files: 1 })), (0, true));
}

#[test]
fn files_of_conversations_that_are_not_archived_are_not_read() {
    let mut world = company_with_files();
    let mut filter = Filter::default();
    filter.include = ["chen@example.com".parse::<FilterTerm>().unwrap()].into();
    world.filter = filter;
    let faults = Faults::none();
    let report = world.run_with(&faults).unwrap();
    world.check();
    assert_eq!((faults.calls_of("open file"), report.files), (1, 1));
    assert!(!report.findings.iter().any(|finding| matches!(finding, Finding::MissingFile { .. } | Finding::UnloggedFile { .. })));
}

#[test]
fn without_a_store_nobody_is_asked_and_mails_are_what_they_were() {
    let mut world = company_with_files();
    world.files = None;
    let faults = Faults::none();
    let report = world.run_with(&faults).unwrap();
    world.check();
    assert_eq!((faults.calls_of("transfers"), report.files, world.sink.objects().len()), (0, 0, 0));
    assert!(texts(&world).contains("File (size unknown): a.txt"));
    assert!(report.findings.iter().all(|finding| !matches!(finding, Finding::UnloggedFile { .. })));
}

#[test]
fn windows_without_files_ask_nobody_for_uploads() {
    let mut world = World::new(company());
    world.files = Some(Arc::new(MemoryFiles::new()));
    let faults = Faults::none();
    world.run_with(&faults).unwrap();
    assert_eq!(faults.calls_of("transfers"), 0);
}

#[test]
fn a_store_of_files_without_a_spool_is_refused() {
    let world = company_with_files();
    let files = world.files.clone().unwrap();
    let archiver = Archiver::new(
        world.facts.clone(),
        world.source.clone(),
        world.converter.clone(),
        world.sink.clone(),
        world.ledger.clone(),
        Arc::new(|_| std::future::ready(())),
    );
    let error = block_on(archiver.files(files).run(world.now, pending())).unwrap_err();
    assert_eq!(error.to_string(), "run: there is no spool for files that outgrow memory; give the archiver a spool too");
    assert!(world.chain().is_empty());
}
