//! From rows to mails, against mail-builder writing the same finished bodies.
//!
//! `cargo bench -p jabber-archive-benches --bench line` prints criterion's figures and the ratio of both, measured in turns.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use jabber_archive_benches::{
    assemble,
    convert::{Finished, mails},
    in_turns, rows, transcript,
};

fn benchmark(criterion: &mut Criterion) {
    let transcript = transcript();
    let rows = rows();
    let items = mails(&transcript, &assemble(rows.clone()));
    let finished: Vec<_> = items.iter().map(Finished::of).collect();

    let mut group = criterion.benchmark_group("line");
    group.throughput(Throughput::Elements(rows.len() as u64)).sample_size(20);
    group.bench_function("assemble", |bencher| bencher.iter_batched(|| rows.clone(), assemble, BatchSize::LargeInput));
    group.bench_function("assemble-and-convert", |bencher| {
        bencher.iter_batched(|| rows.clone(), |rows| mails(&transcript, &assemble(rows)), BatchSize::LargeInput);
    });
    group.bench_function("mail-builder", |bencher| {
        bencher.iter(|| black_box(&finished).iter().map(Finished::write).collect::<Vec<_>>());
    });
    group.finish();

    let mut batches: Vec<_> = (0..20).map(|_| rows.clone()).collect();
    let (ours, theirs) = in_turns(
        20,
        || drop(black_box(mails(&transcript, &assemble(batches.pop().unwrap_or_default())))),
        || drop(black_box(finished.iter().map(Finished::write).collect::<Vec<_>>())),
    );
    let bytes: usize = items.iter().map(|mail| mail.content.len()).sum();
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("line: {} rows, {} mails, {bytes} bytes", rows.len(), items.len());
    println!("line: assembled and converted in {ours:?}, mail-builder alone {theirs:?}: {:.0} % of its speed", 100.0 * ratio);
}

criterion_group!(benches, benchmark);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
