//! Converting conversations to mails, against mail-builder and Python's `email` writing the same finished mails, all on one core.
//!
//! `cargo bench -p jabber-archive-benches --bench convert` prints the table of `docs/performance.md`; `-- rich`, or the name of a converter, only those lines. Each figure
//! is the best of many runs, ours and mail-builder's in turns.

use std::{hint::black_box, time::Duration};

use jabber_archive_benches::{
    convert::{Finished, Python, Texts, converters, mails},
    in_turns,
};

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("| converter | text | messages | mails | MB | messages/s | of mail-builder's speed | times Python's |");
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    for texts in [Texts::Plain, Texts::Rich, Texts::Dense] {
        let conversations = texts.day();
        let messages: usize = conversations.iter().map(|conversation| conversation.messages.len()).sum();
        for converter in converters() {
            let names = [converter.recipe().name, texts.name().to_owned()];
            if !asked.iter().all(|asked| names.contains(asked)) {
                continue;
            }
            let items = mails(&*converter, &conversations);
            let finished: Vec<_> = items.iter().map(Finished::of).collect();
            let (ours, builder) = in_turns(
                30,
                || drop(black_box(mails(&*converter, &conversations))),
                || drop(black_box(finished.iter().map(Finished::write).collect::<Vec<_>>())),
            );
            let ratio = |other: Duration| other.as_secs_f64() / ours.as_secs_f64();
            let python = Python::time(&finished).map_or("no Python".to_owned(), |python| format!("{:.0}", ratio(python)));
            println!(
                "| {} | {} | {messages} | {} | {:.1} | {:.0} | {:.0} % | {python} |",
                names[0],
                names[1],
                items.len(),
                items.iter().map(|item| item.content.len()).sum::<usize>() as f64 / 1e6,
                messages as f64 / ours.as_secs_f64(),
                100.0 * ratio(builder),
            );
        }
    }
}
