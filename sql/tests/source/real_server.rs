//! Databases of our own on the server that `JABBER_ARCHIVE_TEST_MSSQL` names, made and dropped by the tests.

use std::{
    borrow::Cow,
    fmt, fs, process, thread,
    time::{Duration, Instant, SystemTime},
};

use futures::TryStreamExt;
use jabber_archive_core::{ErrorClass, Grid, Record, Secret, Source, Span, Timestamp, Window};
use jabber_archive_sql::{
    Encrypt, Isolation, MssqlConfig, MssqlSource, TimeLimits,
    testing::{Database, Office, Table, Value, ddl},
};
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::{
    back_end::BackEnd,
    setting::{Served, database, jm_row, source, start},
};

static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A server, and a login that may make databases.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    user: String,
    password: String,
    /// Where the login begins.
    database: String,
    encrypt: Encrypt,
    trust: bool,
    authority: Option<String>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    /// `mssql://user:password@host:port/database?encrypt=on&trust=true`; what stands for something else in a URL is written `%40`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (login, place) = url.strip_prefix("mssql://")?.rsplit_once('@')?;
        let (place, options) = place.split_once('?').unwrap_or((place, ""));
        let (user, password) = login.split_once(':')?;
        let (server, database) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = server.rsplit_once(':').unwrap_or((server, "1433"));
        let mut address = Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
            user: unescaped(user)?,
            password: unescaped(password)?,
            database: if database.is_empty() { "master".to_owned() } else { unescaped(database)? },
            encrypt: Encrypt::On,
            trust: false,
            authority: None,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=')? {
                ("encrypt", "off") => address.encrypt = Encrypt::Off,
                ("encrypt", "login") => address.encrypt = Encrypt::Login,
                ("encrypt", "on") => address.encrypt = Encrypt::On,
                ("encrypt", "strict") => address.encrypt = Encrypt::Strict,
                ("trust", trust) => address.trust = trust.parse().ok()?,
                ("ca_file", path) => address.authority = Some(unescaped(path)?),
                _ => return None,
            }
        }
        Some(address)
    }

    fn reading(&self, database: &str, user: &str, password: &str) -> MssqlConfig {
        let limits = TimeLimits::new(Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(2));
        let config = MssqlConfig::new(self.host.as_str(), database, user, Secret::new(password)).port(self.port);
        let config = config.encrypt(self.encrypt).trust_server_certificate(self.trust).limits(limits);
        match &self.authority {
            Some(path) => config.certificate_authority(fs::read(path).unwrap()),
            None => config,
        }
    }

    async fn connect(&self, database: &str) -> Session {
        let mut config = Config::new();
        config.host(&self.host);
        config.port(self.port);
        config.database(database);
        config.authentication(AuthMethod::sql_server(&self.user, &self.password));
        config.application_name("jabber-archive tests");
        config.command_timeout(None);
        config.encryption(match self.encrypt {
            Encrypt::Off => EncryptionLevel::NotSupported,
            Encrypt::Login => EncryptionLevel::Off,
            Encrypt::Strict => EncryptionLevel::Strict,
            _ => EncryptionLevel::Required,
        });
        match &self.authority {
            _ if self.trust => config.trust_cert(),
            Some(path) => config.trust_cert_ca(path),
            None => {}
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Session(Box::pin(Client::connect(config, stream.compat_write())).await.unwrap())
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// A connection that may change things.
struct Session(Client<Compat<TcpStream>>);

impl Session {
    async fn run(&mut self, batch: &str) {
        self.try_run(batch).await.unwrap_or_else(|error| panic!("{batch}: {error}"));
    }

    async fn try_run(&mut self, batch: &str) -> tiberius::Result<()> {
        self.0.simple_query(batch.to_owned()).await?.into_results().await.map(drop)
    }

    async fn fill(&mut self, table: &Table) {
        const PARAMETERS: usize = 2_000;
        let columns: Vec<String> = table.columns().iter().map(|(name, _)| format!("[{name}]")).collect();
        let insert = format!("INSERT INTO [dbo].[{}] ({}) VALUES ", table.name(), columns.join(", "));
        let rows: Vec<Vec<Value>> = table.read().collect();
        for rows in rows.chunks((PARAMETERS / columns.len()).min(500)) {
            let mut parameters: Vec<Parameter<'_>> = Vec::new();
            let tuples: Vec<String> = rows
                .iter()
                .map(|row| {
                    let places: Vec<String> = row.iter().map(|value| Parameter::place(value, &mut parameters)).collect();
                    format!("({})", places.join(", "))
                })
                .collect();
            let parameters: Vec<&dyn ToSql> = parameters.iter().map(|parameter| parameter as &dyn ToSql).collect();
            self.0.execute(format!("{insert}{}", tuples.join(", ")), &parameters).await.unwrap();
        }
    }
}

/// A value that is inserted.
struct Parameter<'a>(&'a Value);

impl<'a> Parameter<'a> {
    /// What stands for a value in a statement.
    fn place(value: &'a Value, parameters: &mut Vec<Self>) -> String {
        if *value == Value::Null {
            return "NULL".to_owned();
        }
        parameters.push(Self(value));
        let name = format!("@P{}", parameters.len());
        // A broken surrogate cannot be sent as text.
        if matches!(value, Value::Utf16(_)) { format!("CAST({name} AS nvarchar(max))") } else { name }
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> ColumnData<'_> {
        match self.0 {
            Value::Text(text) => ColumnData::String(Some(Cow::Borrowed(text))),
            Value::Utf16(units) => ColumnData::Binary(Some(units.iter().flat_map(|unit| unit.to_le_bytes()).collect())),
            Value::Int(number) => ColumnData::I64(Some(*number)),
            Value::DateTime(days, ticks) => ColumnData::DateTime(Some(tiberius::time::DateTime::new(*days, *ticks))),
            other => panic!("no parameter for {other:?}"),
        }
    }
}

/// A database on the server, read by a login that may do nothing but SELECT; both are dropped with this.
pub(crate) struct RealDatabase {
    address: Address,
    name: String,
    password: Option<String>,
}

impl RealDatabase {
    /// Copies a database.
    pub(crate) async fn make(address: &Address, database: &Database) -> Self {
        let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let name = format!("jabber_archive_test_{}_{}", process::id(), passed.as_nanos());
        let mut session = address.connect(&address.database).await;
        let mut made = Self { address: address.clone(), name: name.clone(), password: None };
        {
            // Two at the same time get into each other's way at the database `model`.
            let _alone = MAKING.lock().await;
            session.run(&format!("CREATE DATABASE [{name}]")).await;
        }
        if let Err(error) = session.try_run(&format!("ALTER DATABASE [{name}] SET ALLOW_SNAPSHOT_ISOLATION ON")).await {
            println!("read without snapshot isolation, which cannot be switched on: {error}");
        }
        // Long, and of every kind of character that a policy could ask for.
        let password = format!("Jabber-{}", passed.as_nanos());
        let login = format!("CREATE LOGIN [{name}] WITH PASSWORD = N'{password}', DEFAULT_DATABASE = [{name}], CHECK_POLICY = OFF");
        match session.try_run(&login).await {
            Ok(()) => made.password = Some(password),
            Err(error) => println!("read by the login that makes databases, because no other can be made: {error}"),
        }
        let mut session = address.connect(&name).await;
        if made.password.is_some() {
            session.run(&format!("CREATE USER [{name}] FOR LOGIN [{name}]")).await;
        }
        for table in database.tables() {
            for statement in ddl::create_table("dbo", &table) {
                session.run(&statement).await;
            }
            session.fill(&table).await;
            if made.password.is_some() {
                session.run(&format!("GRANT SELECT ON [dbo].[{}] TO [{name}]", table.name())).await;
            }
        }
        made
    }

    /// Where the server is.
    pub(crate) fn server(&self) -> (String, u16) {
        (self.address.host.clone(), self.address.port)
    }

    /// How it is reached through a port of this machine.
    pub(crate) fn through(&self, port: u16) -> MssqlConfig {
        let near = Address { host: "127.0.0.1".to_owned(), port, ..self.address.clone() };
        self.read_at(&near).host_name_in_certificate(self.address.host.as_str())
    }

    fn read_at(&self, address: &Address) -> MssqlConfig {
        match &self.password {
            Some(password) => address.reading(&self.name, &self.name, password),
            None => address.reading(&self.name, &address.user, &address.password),
        }
    }

    /// A connection that may change it.
    async fn session(&self) -> Session {
        self.address.connect(&self.name).await
    }

    async fn drop_all(&self) {
        let mut session = self.address.connect(&self.address.database).await;
        let mut batches = vec![
            format!("ALTER DATABASE [{0}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", self.name),
            format!("DROP DATABASE [{}]", self.name),
        ];
        if self.password.is_some() {
            batches.push(format!("DROP LOGIN [{}]", self.name));
        }
        for batch in batches {
            // A session that was closed a moment ago may still count.
            let mut tries = 0;
            while let Err(error) = session.try_run(&batch).await {
                tries += 1;
                if tries == 20 {
                    println!("LEFT BEHIND on {:?}: {batch}: {error}", self.address);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
}

impl Served for RealDatabase {
    fn config(&self) -> MssqlConfig {
        self.read_at(&self.address)
    }
}

impl Drop for RealDatabase {
    /// Also where a test fails.
    fn drop(&mut self) {
        thread::scope(|scope| {
            let dropping = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(self.drop_all());
            });
            if dropping.join().is_err() {
                println!("LEFT BEHIND on {:?}: database and login {}", self.address, self.name);
            }
        });
    }
}

fn at(time: &str) -> Value {
    Value::time(time.parse().unwrap())
}

async fn real(database: &Database) -> Option<RealDatabase> {
    match BackEnd::real()? {
        BackEnd::Real(address) => Some(Box::pin(RealDatabase::make(&address, database)).await),
        BackEnd::StandIn => None,
    }
}

#[test]
fn an_address_is_read_from_its_url() {
    let address = Address::parse("mssql://sa:p%40ss%3Aword@[::1]:14330/tempdb?encrypt=login&trust=true").unwrap();
    assert_eq!((address.host.as_str(), address.port, address.user.as_str()), ("::1", 14_330, "sa"));
    assert_eq!((address.password.as_str(), address.database.as_str()), ("p@ss:word", "tempdb"));
    assert_eq!((address.encrypt, address.trust), (Encrypt::Login, true));
    let shortest = Address::parse("mssql://sa:secret@localhost").unwrap();
    assert_eq!((shortest.port, shortest.database.as_str(), shortest.encrypt, shortest.trust), (1433, "master", Encrypt::On, false));
    assert_eq!(format!("{shortest:?}"), "localhost:1433");
    for wrong in
        ["mssql://localhost/x", "mssql://sa:x@localhost:port/x", "mssql://sa:x@localhost/x?trust", "mssql://sa:x@localhost/x?encrypted=on"]
    {
        assert!(Address::parse(wrong).is_none(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_tells_what_it_is_to_a_login_that_may_only_select() {
    let office = Office::new(5, 100);
    let stand_in = Database::new("tcmadb");
    office.fill(&stand_in);
    let Some(real) = real(&stand_in).await else { return };
    let survey = source(&real).survey().await.unwrap();
    println!("SQL Server {}, {}", survey.version, survey.edition);
    assert!(survey.version.split('.').next().unwrap().parse::<u32>().unwrap() >= 13, "2016 or later");
    assert!(!survey.edition.is_empty() && !survey.read_only);
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((survey.clock.millis() - passed).abs() < 3_600_000, "{}", survey.clock);
    assert!(survey.tables.iter().all(|table| table.found && table.readable && table.fault.is_none()), "{:?}", survey.tables);

    for (snapshot, committed, isolation) in
        [("ON", "OFF", Isolation::Snapshot), ("OFF", "ON", Isolation::ReadCommittedSnapshot), ("OFF", "OFF", Isolation::ReadCommitted)]
    {
        let mut session = real.address.connect(&real.address.database).await;
        session.run(&format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION {snapshot}", real.name)).await;
        session.run(&format!("ALTER DATABASE [{}] SET READ_COMMITTED_SNAPSHOT {committed} WITH ROLLBACK IMMEDIATE", real.name)).await;
        let source = source(&real);
        assert_eq!(source.survey().await.unwrap().isolation, isolation);
        let extent = source.extent(office.end()).await.unwrap();
        assert!(extent.first.is_some() && extent.last <= Some(office.end()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_tallies_and_rooms_of_a_company_are_those_that_the_stand_in_gives() {
    for indexed in [false, true] {
        let office = Office::new(6, 400).indexed(indexed).with_future(true);
        let filled = Database::new("tcmadb");
        office.fill(&filled);
        let Some(real) = real(&filled).await else { return };
        let stand_in = start(&filled).await;
        let (real, stand_in) = (source(&real), source(&stand_in));
        let whole = Span::new(Timestamp::MIN, Timestamp::MAX);
        let rows = async |source: &MssqlSource| {
            let mut rows = source.records(whole).try_collect::<Vec<Vec<Record>>>().await.unwrap().concat();
            rows.sort();
            rows
        };
        let (found, expected) = (rows(&real).await, rows(&stand_in).await);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected, "{found:?} is not {expected:?}");
        }
        for grid in [Grid::daily(), Grid::new(Duration::from_hours(1), Duration::ZERO).unwrap()] {
            let tallies = async |source: &MssqlSource| {
                let mut tallies = source.tally(whole, &grid).await.unwrap();
                tallies.sort_by_key(|tally| (tally.window, tally.table));
                tallies
            };
            assert_eq!(tallies(&real).await, tallies(&stand_in).await);
        }
        assert_eq!(real.extent(office.end()).await.unwrap(), stand_in.extent(office.end()).await.unwrap());
        assert!(real.context().await.unwrap() == stand_in.context().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_says_what_may_not_be_read() {
    let Some(real) = real(&database(vec![jm_row(at("2026-11-21T10:00:00Z"), "x")])).await else { return };
    if real.password.is_none() {
        return;
    }
    let span = Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
    let rows = async |source: MssqlSource| source.records(span).try_collect::<Vec<Vec<Record>>>().await;
    assert_eq!(rows(source(&real)).await.unwrap().concat().len(), 1);
    // One that may see the table and not read it.
    real.session()
        .await
        .run(&format!("REVOKE SELECT ON [dbo].[jm] FROM [{0}]; GRANT VIEW DEFINITION ON [dbo].[jm] TO [{0}]", real.name))
        .await;
    let error = rows(source(&real)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(error.to_string().contains("may not read it") && error.to_string().contains("GRANT SELECT"), "{error}");
    let survey = source(&real).survey().await.unwrap();
    let jm = survey.tables.iter().find(|table| table.name == "jm").unwrap();
    assert!(jm.found && !jm.readable && jm.fault.as_deref().unwrap().contains("GRANT SELECT"));
    // One that may not even see it.
    real.session().await.run(&format!("REVOKE VIEW DEFINITION ON [dbo].[jm] FROM [{}]", real.name)).await;
    let error = rows(source(&real)).await.unwrap_err();
    assert!(error.to_string().contains("neither `jm` nor `tc_msgarchive`"), "{error}");

    let wrong = MssqlSource::new(real.address.reading("jabber_archive_no_such_database", &real.address.user, &real.address.password));
    let error = wrong.clocks().await.unwrap_err();
    assert!(error.to_string().contains("4060"), "{error}");
    let wrong = MssqlSource::new(real.address.reading(&real.name, &real.name, "wrong"));
    let error = wrong.clocks().await.unwrap_err();
    assert!(error.to_string().contains("18456"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_writer_whose_transaction_is_open_and_no_writer_waits_for_a_reader() {
    let day = "2026-11-21T00:00:00Z".parse::<Timestamp>().unwrap();
    let rows = (0..2_000).map(|n| jm_row(Value::time(day.after(Duration::from_secs(n))), "committed"));
    let Some(real) = real(&database(rows.collect())).await else { return };
    let span = Span::new(day, day.after(Duration::from_hours(24)));
    let source = source(&real);
    source.extent(span.end).await.unwrap();

    let mut writer = real.session().await;
    writer.run("BEGIN TRANSACTION; UPDATE [dbo].[jm] SET [body_string] = N'not committed'; DELETE FROM [dbo].[jm] WHERE [sent_date] > '20261121 00:10'").await;
    let begun = Instant::now();
    let rows: Vec<Vec<Record>> = source.records(span).try_collect().await.unwrap();
    let bodies = rows.concat().into_iter().filter(|row| matches!(row, Record::Message(row) if row.body.as_deref() == Some("committed")));
    assert_eq!(bodies.count(), 2_000);
    assert_eq!(source.tally(span, &Grid::daily()).await.unwrap()[0].rows, 2_000);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    writer.run("ROLLBACK").await;

    // A reading that has begun and is not taken: its rows are on the way, and the writer goes on.
    let mut records = source.records(span);
    records.try_next().await.unwrap().unwrap();
    let begun = Instant::now();
    writer.run("SET LOCK_TIMEOUT 10000; UPDATE [dbo].[jm] SET [body_string] = N'written while somebody reads'").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(records);
    assert_eq!(source.tally(Window::UNDATED.span(), &Grid::daily()).await.unwrap(), []);
}
