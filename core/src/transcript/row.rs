use super::names::one_line;
use crate::{Address, Movement, Participant, Party, Timestamp};

/// Movements in one row of the participants; somebody whose client comes and goes all day has several rows.
const ROW_MOVEMENTS: usize = 100;

/// One line of the list of participants: a participant, or more movements of the one before.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) index: usize,
    pub(super) person: &'a Participant,
    pub(super) movements: &'a [(Timestamp, Movement)],
    /// Whether an earlier row is of the same participant.
    pub(super) continued: bool,
}

/// The rows of the participant at this index.
pub(super) fn rows(index: usize, person: &Participant) -> impl Iterator<Item = Row<'_>> {
    let first = person.movements.len().min(ROW_MOVEMENTS);
    let (first, rest) = person.movements.split_at(first);
    std::iter::once(Row { index, person, movements: first, continued: false }).chain(rest.chunks(ROW_MOVEMENTS).map(move |movements| Row {
        index,
        person,
        movements,
        continued: true,
    }))
}

impl Row<'_> {
    /// How the address is known, for people to read.
    pub(super) fn address_source(&self) -> &'static str {
        match (&self.person.address, &self.person.party) {
            (Address::Mapped(_), _) if self.person.address.reaches_nobody() => "reaches nobody: from the directory",
            (Address::Foreign(_), _) if self.person.address.reaches_nobody() => "reaches nobody: a foreign JID",
            (Address::Mapped(_), _) => "from the directory",
            (Address::Foreign(_), _) => "a foreign JID, taken for an address",
            (Address::Unmapped(_), Party::Occupant { .. }) => "reaches nobody: known by nick alone",
            (Address::Unmapped(_), Party::User(_)) => "reaches nobody: not in the directory",
        }
    }

    /// How participation is known, for people to read.
    pub(super) fn known_by(&self) -> String {
        let flags = [
            (self.person.sent, "sent messages"),
            (self.person.received, "received messages"),
            (self.person.inside, "was inside when the window began"),
            (!self.person.movements.is_empty(), "entered or left"),
        ];
        let known: Vec<_> = flags.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect();
        if known.is_empty() { "named".to_owned() } else { known.join(", ") }
    }

    /// Entering and leaving, for people to read, with times as they are to be shown; empty if there was none.
    pub(super) fn moves(&self, separator: &str, show: impl Fn(Timestamp) -> String) -> String {
        let moves = self.movements.iter().map(|(time, movement)| {
            let verb = match movement {
                Movement::Entered => "entered",
                Movement::Left => "left",
            };
            format!("{verb} {}", show(*time))
        });
        moves.collect::<Vec<_>>().join(separator)
    }

    /// The name in full, where it is not the one before messages.
    pub(super) fn full_name(&self, shown: &str) -> Option<String> {
        let name = one_line(&self.person.display_name());
        (name != shown && !name.is_empty()).then_some(name)
    }
}
