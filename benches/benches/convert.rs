//! Converting conversations to mails, against mail-builder writing the same finished bodies.
//!
//! `cargo bench -p jabber-archive-benches --bench convert` prints criterion's figures and the ratio of both, measured in turns.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group};
use jabber_archive_benches::{Finished, convert, day, in_turns, long_chat, transcript};

fn benchmark(criterion: &mut Criterion) {
    let transcript = transcript();
    for (name, conversations) in [("day", day()), ("long-chat", long_chat())] {
        let mails = convert(&transcript, &conversations);
        let bytes: usize = mails.iter().map(|mail| mail.content.len()).sum();
        let finished: Vec<_> = mails.iter().map(Finished::of).collect();

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("transcript", |bencher| bencher.iter(|| convert(&transcript, black_box(&conversations))));
        group.bench_function("mail-builder", |bencher| {
            bencher.iter(|| black_box(&finished).iter().map(Finished::write).collect::<Vec<_>>());
        });
        group.finish();

        let (ours, theirs) = in_turns(
            100,
            || drop(black_box(convert(&transcript, &conversations))),
            || drop(black_box(finished.iter().map(Finished::write).collect::<Vec<_>>())),
        );
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let messages: usize = conversations.iter().map(|conversation| conversation.messages.len()).sum();
        println!("{name}: {messages} messages, {} mails, {bytes} bytes", mails.len());
        println!("{name}: transcript {ours:?}, mail-builder alone {theirs:?}: {:.0} % of its speed", 100.0 * ratio);
    }
}

criterion_group!(benches, benchmark);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
