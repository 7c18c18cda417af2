//! Putting items into Azure Blob Storage, against the library alone, azcopy and Azure's client for Python, in turns into one Azurite.
//!
//! `cargo bench -p jabber-archive-benches --bench store -- [SMALL] [LARGE] [ROUNDS]` installs these by `benches/setup`, and prints the rates of so many items of 4 KB
//! and of 1 MB and their ratios: the median of all rounds, and the slowest and fastest. What needs a program that cannot be had is not measured.

use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command},
};

use jabber_archive_benches::{
    load,
    store::{Items, Programs, Rounds, Way},
};
use jabber_archive_sink::testing::Azurite;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if env::var_os(Programs::AZURITE).is_none() {
        let azurite = Programs::install().azurite;
        assert!(azurite.exists(), "there is no Azurite");
        let program = env::current_exe().expect("this program");
        let status = Command::new(program).args(arguments).env(Programs::AZURITE, azurite).status().expect("this program runs");
        process::exit(status.code().unwrap_or(1));
    }
    let number = |index: usize, default| arguments.get(index).map_or(default, |text| text.parse().expect("a number"));
    let (small, large, rounds) = (number(0, 2_000), number(1, 100), number(2, 5));
    let programs = Programs::install();
    let bench = Bench {
        azurite: Azurite::start().expect("the environment names it"),
        programs,
        rounds,
        scratch: env::temp_dir().join(format!("jabber-archive-store-{}", process::id())),
    };
    let all = [Way::SINK, Way::Bare, Way::Azcopy(true), Way::Azcopy(false), Way::Python];
    bench.measure("4 KB", small, 4 << 10, &all).await;
    bench.measure("1 MB", large, 1 << 20, &all).await;
    bench.measure("4 KB", small, 4 << 10, &[8, 16, 32, 64].map(Way::Sink)).await;
    fs::remove_dir_all(&bench.scratch).expect("to remove the files");
}

struct Bench {
    azurite: Azurite,
    programs: Programs,
    rounds: usize,
    scratch: PathBuf,
}

impl Bench {
    async fn measure(&self, size: &str, count: usize, bytes: usize, ways: &[Way]) {
        println!("{count} items of {size}, {} rounds, load {}", self.rounds, load());
        let items = Items::new(count, bytes, self.scratch.join("items")).expect("files");
        // Node compiles Azurite while it works.
        Way::SINK.put(&items, &self.azurite, &self.programs).await.expect("the sink needs no program");
        let mut turns = ways.to_vec();
        let mut measured = Rounds::default();
        for _ in 0..self.rounds {
            let mut left = Vec::new();
            for way in &turns {
                match way.put(&items, &self.azurite, &self.programs).await {
                    Ok(times) => {
                        left.push(*way);
                        for (name, time) in times {
                            measured.add(name, time);
                        }
                    }
                    Err(error) => println!("  {way}: not measured: {error}"),
                }
            }
            // Whoever was first is last in the next round.
            left.reverse();
            turns = left;
        }
        println!("  items/s, median (slowest to fastest), load {}", load());
        for (name, rate) in measured.rates(count) {
            println!("  {name:<42}{rate}");
        }
        for way in ways.iter().filter(|way| **way != Way::SINK) {
            if let Some(ratio) = measured.ratio(&Way::SINK.to_string(), &way.to_string()) {
                println!("  {:<42}{ratio:.2}", format!("{} / {way}", Way::SINK));
            }
        }
    }
}
