//! Who works in the company, and with whom it writes.

use std::fmt::Write;

use fastrand::Rng;
use jabber_archive_core::{BareJid, Party, Timestamp};

/// The domain of the company's own JIDs.
pub(super) const DOMAIN: &str = "im.example.com";

/// User id, name, and user part of the e-mail address. A user id may be an address, and may hold escapes (XEP-0106).
const STAFF: &[(&str, &str, &str)] = &[
    ("asmith", "Alice Smith", "alice.smith"),
    ("bjones", "Bob Jones", "bob.jones"),
    (REUSED, "John Lee", "john.lee"),
    (REUSED_ADDRESS, "John A. Lee", "john.lee"),
    ("mgarcia", "José García Ñuñez", "jose.garcia"),
    (ADDRESS, "Zoë Müller", "zoe.mueller"),
    ("ipetrov", "Иван Петров", "ivan.petrov"),
    ("mahmad", "محمد الأحمد", "mohammed.alahmad"),
    ("dcohen", "דוד כהן", "david.cohen"),
    ("xmwang", "王小明", "xiaoming.wang"),
    ("ttanaka", "田中 太郎", "taro.tanaka"),
    ("mskim", "김민수", "minsu.kim"),
    ("pnair", "Priya नायर", "priya.nair"),
    (ESCAPED[0], "O'Brien, Pat", "pat.obrien"),
    (ESCAPED[1], "Kim Novak", "kim.novak"),
    ("slindstr", "Dr. Ann-Sofie \"Sofi\" Lindström (Finance)", "ann-sofie.lindstroem"),
    ("ops", "Ops 🚀 Team", "ops"),
];

/// User ids that no export lists.
const UNLISTED: &[&str] = &["temp01", "svc-build", "extern.koch"];

/// Whom the company writes with, on servers of their own.
const PARTNERS: &[&str] = &["dave@partner.example", "fatima@partner.example", "erin.o\\27neil@supplier.example"];

/// A user id that another person has from the middle of the time on.
const REUSED: &str = "jlee";
/// The user id of the person who then has the address that was free.
const REUSED_ADDRESS: &str = "jlee2";
/// A user id that is an address.
const ADDRESS: &str = "zoe.mueller@example.com";
/// User ids with a blank and an apostrophe, and with an `@`.
const ESCAPED: [&str; 2] = ["pat\\20o\\27brien", "kim\\40example.com"];

/// Somebody who chats.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// The bare JID.
    pub(super) jid: String,
    /// The name, as the person writes it.
    pub(super) name: String,
    /// The full JIDs of their devices, the one at the desk first.
    pub(super) devices: Vec<String>,
}

impl Person {
    fn new(jid: String, name: &str, rng: &mut Rng) -> Self {
        let devices = (0..3).map(|device| format!("{jid}/jabber_{}", 10_000 * (device + 1) + rng.u32(0..10_000))).collect();
        Self { jid, name: name.to_owned(), devices }
    }

    /// The device at the desk.
    pub(super) fn desk(&self) -> &str {
        &self.devices[0]
    }

    /// As conversations name them.
    pub(super) fn party(&self) -> Party {
        user(&self.jid)
    }
}

/// The user of a bare JID.
pub(super) fn user(jid: &str) -> Party {
    Party::User(bare(jid))
}

/// A bare JID.
pub(super) fn bare(jid: &str) -> BareJid {
    BareJid::new(jid).expect("no JID of the company is empty")
}

/// Everybody.
#[derive(Debug, Clone)]
pub(super) struct People {
    staff: Vec<Person>,
    partners: Vec<Person>,
}

impl People {
    /// The same people, with devices that the seed decides.
    pub(super) fn new(rng: &mut Rng) -> Self {
        let known = STAFF.iter().map(|(id, name, _)| (*id, *name)).chain(UNLISTED.iter().map(|id| (*id, *id)));
        let staff = known.map(|(id, name)| Person::new(format!("{id}@{DOMAIN}"), name, rng)).collect();
        let partners = PARTNERS.iter().map(|jid| Person::new((*jid).to_owned(), jid, rng)).collect();
        Self { staff, partners }
    }

    /// Somebody from outside.
    pub(super) fn partner(&self, rng: &mut Rng) -> Person {
        self.partners[rng.usize(0..self.partners.len())].clone()
    }

    /// So many different people of the staff.
    pub(super) fn some(&self, number: usize, rng: &mut Rng) -> Vec<Person> {
        rng.choose_multiple(self.staff.iter(), number).into_iter().cloned().collect()
    }

    /// Two different people of the staff, in any order.
    pub(super) fn pair(&self, rng: &mut Rng) -> (Person, Person) {
        let first = rng.usize(0..self.staff.len());
        let second = (first + rng.usize(1..self.staff.len())) % self.staff.len();
        (self.staff[first].clone(), self.staff[second].clone())
    }

    /// The one whose user id is an address, and somebody else.
    pub(super) fn with_address(&self, rng: &mut Rng) -> (Person, Person) {
        self.with(ADDRESS, rng)
    }

    /// One whose user id holds escapes, and somebody else.
    pub(super) fn with_escape(&self, rng: &mut Rng) -> (Person, Person) {
        let id = ESCAPED[rng.usize(0..ESCAPED.len())];
        self.with(id, rng)
    }

    fn with(&self, id: &str, rng: &mut Rng) -> (Person, Person) {
        let jid = format!("{id}@{DOMAIN}");
        let wanted = self.staff.iter().position(|person| person.jid == jid).unwrap_or_default();
        let other = (wanted + rng.usize(1..self.staff.len())) % self.staff.len();
        (self.staff[wanted].clone(), self.staff[other].clone())
    }
}

/// The export of the directory; one user id and one address change hands at `change`.
pub(super) fn directory_csv(change: Timestamp) -> String {
    let mut csv = "jid,email,name,valid_from,valid_until\n".to_owned();
    let mut line = |id: &str, email: &str, name: &str, from: &str, until: &str| {
        let _ = writeln!(csv, "{id}@{DOMAIN},{email}@example.com,\"{}\",{from},{until}", name.replace('"', "\"\""));
    };
    let change = change.to_string();
    for (id, name, email) in STAFF {
        match *id {
            REUSED => {
                line(id, email, name, "", &change);
                line(id, "jin.lee", "Jin Lee", &change, "");
            }
            REUSED_ADDRESS => line(id, email, name, &change, ""),
            _ => line(id, email, name, "", ""),
        }
    }
    csv
}
