//! Killed at any request, on a container of a real Azurite: before the service has seen it, or after it has done what was asked.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use jabber_archive_sink::{
    object_store::{ObjectStore, ObjectStoreExt, PutPayload, azure::MicrosoftAzureBuilder, path::Path},
    testing::{Azurite, FaultProxy, Outcome, Recorded, Rule},
};

use crate::{
    company::{Chapter, Company, Place},
    contents::Files,
    life::{Left, assert_intact, assert_undisturbed, wait},
    phase,
    turn::Turn,
};

/// A container, and a proxy before it that sees every request.
pub(crate) struct Container {
    name: String,
    store: Arc<dyn ObjectStore>,
    azurite: &'static Azurite,
    pub(crate) proxy: FaultProxy,
    runtime: tokio::runtime::Runtime,
}

impl Container {
    /// A new one; none where there is no Azurite, which has been said then.
    pub(crate) fn new(name: &str, number: u64) -> Option<Self> {
        let azurite = Azurite::shared()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let name = format!("{name}-{number}");
        let store = MicrosoftAzureBuilder::new()
            .with_account(azurite.account())
            .with_access_key(azurite.key())
            .with_container_name(&name)
            .with_endpoint(azurite.endpoint().to_owned())
            .with_allow_http(true)
            .build()
            .unwrap();
        let proxy = runtime.block_on(FaultProxy::start(azurite.endpoint(), [])).unwrap();
        Some(Self { name, store: Arc::new(store), azurite, proxy, runtime })
    }

    pub(crate) fn place(&self) -> Place {
        let sink = format!(
            "kind = \"azure\"\naccount = \"{}\"\ncontainer = \"{}\"\nendpoint = \"{}\"\naccess_key = {{ env = \"JABBER_TEST_KEY\" }}\n\
             create_container = true",
            self.azurite.account(),
            self.name,
            self.proxy.endpoint(),
        );
        Place { sink, memory: "64MiB", spool: None, key: self.azurite.key() }
    }

    /// Every blob, by its path.
    pub(crate) fn blobs(&self) -> Files {
        self.runtime.block_on(async {
            let Ok(listed) = self.store.list(None).try_collect::<Vec<_>>().await else { return Files::new() };
            let read = listed.into_iter().map(async |object| {
                let content = self.store.get(&object.location).await.unwrap().bytes().await.unwrap();
                (object.location.to_string(), content.to_vec())
            });
            futures::future::join_all(read).await.into_iter().collect()
        })
    }

    /// How many such requests there were behind the first so many.
    fn requests(&self, since: usize, such: impl Fn(&Recorded) -> bool) -> u64 {
        self.proxy.requests_after(since).iter().filter(|request| such(request)).count() as u64
    }

    /// Whether a request since then is held, so that its sender waits for a reply.
    fn holds(&self, since: usize) -> bool {
        self.proxy.requests_after(since).iter().any(|request| matches!(request.outcome, Outcome::Stalled | Outcome::Lost(_)))
    }

    /// Makes the archive that a chapter finds.
    pub(crate) fn lay_out(&self, company: &Company, chapter: Chapter) -> Files {
        let Some(files) = company.before(chapter) else { return Files::new() };
        self.runtime.block_on(async {
            self.azurite.create_container(&self.name).await;
            let put = |(path, content): (&String, &Vec<u8>)| {
                let (store, path, content) = (self.store.clone(), Path::from(path.as_str()), PutPayload::from(content.clone()));
                async move { store.put(&path, content).await.unwrap() }
            };
            futures::future::join_all(files.iter().map(put)).await;
        });
        files.clone()
    }

    pub(crate) fn delete_all(&self) {
        self.runtime.block_on(async {
            let listed: Vec<Path> = self.store.list(None).map_ok(|object| object.location).try_collect().await.unwrap();
            for path in listed {
                self.store.delete(&path).await.unwrap();
            }
        });
    }
}

#[test]
fn killed_at_any_request_on_azure() {
    if Azurite::shared().is_none() {
        return;
    }
    let company = Company::shared();
    let mut turn = Turn::of("azure");
    // How many requests each chapter takes, and how many of these write; the clean runs tell.
    let mut requests = [(300, 180), (60, 12), (60, 8), (60, 8), (60, 3)];
    while turn.goes_on() {
        let Some(container) = Container::new("crash", turn.counted("archives")) else { return };
        company.configure(&container.place());
        let mut before = Files::new();
        let life = Chapter::life(&mut turn.rng);
        before.extend(container.lay_out(&company, life[0]));
        for &chapter in life {
            company.turn_to(chapter);
            for _ in 0..chapter.breaks(&mut turn.rng) {
                if !turn.goes_on() {
                    break;
                }
                let rule = if turn.rng.bool() { Rule::stall() } else { Rule::stall_reply() };
                // Most requests only read.
                let (all, writes) = requests[chapter as usize];
                let writing = turn.rng.u8(..3) > 0;
                let rule = if writing { rule.method("PUT") } else { rule };
                container.proxy.add(rule.nth(turn.rng.u64(1..=if writing { writes } else { all })));
                let (statements, since) = (company.setting.database.statements().len(), container.proxy.requested());
                turn.count("runs");
                let mut child = company.command(chapter).spawn().unwrap();
                let begun = Instant::now();
                while child.try_wait().unwrap().is_none() {
                    assert!(begun.elapsed() < Duration::from_mins(2), "the program is stuck");
                    if container.holds(since) {
                        // SIGKILL on Unix.
                        child.kill().unwrap();
                        break;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                let ran = wait(child);
                container.proxy.clear();
                let after = container.blobs();
                if ran.code.is_none() {
                    let asked = company.setting.database.statements().len() > statements;
                    turn.kill(phase::of(chapter, &before, &after, asked));
                } else {
                    assert!(matches!(ran.code, Some(0 | 3)), "{chapter:?}: {ran:?}");
                }
                assert_intact(&company, chapter, &after, Left::Whole, &mut company.program("verify", &["--json"]));
                before = after;
                // Nothing is left to be met.
                if ran.code.is_some() {
                    break;
                }
            }
            turn.count("runs");
            let since = container.proxy.requested();
            let clean = wait(company.command(chapter).spawn().unwrap());
            let (all, writes) = &mut requests[chapter as usize];
            *all = container.requests(since, |_| true).max(*all);
            *writes = container.requests(since, |request| request.method == "PUT").max(*writes);
            before = container.blobs();
            assert_undisturbed(&company, chapter, &clean, &before, &mut company.program("verify", &[]));
            assert!(!before.keys().any(|path| path.contains('#') || path.starts_with("incoming/")), "nothing is left on its way");
            if !turn.goes_on() {
                break;
            }
        }
        turn.count("archives");
        container.delete_all();
    }
    turn.assert_met();
}
