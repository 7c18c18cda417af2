//! What is not sealed before somebody has looked at it, because a seal is for ever.

use super::{
    Archiver,
    chain::Progress,
    retry::{Stop, unless_stopped},
};
use crate::{Census, EntryRecord, Error, ErrorClass, ErrorKind, Finding, Limit, Result, Seal, TableAccount, Window};

/// How many entries are read to find one to compare with.
const ENTRIES: u64 = 256;

/// What a run may seal without being told to: beyond it the run ends with an error of kind [`Limit`](ErrorKind::Limit), unless
/// [`accept`](super::RunSettings::accept) gives a reason to go on.
///
/// Nothing of the window is sealed then. Once what was wrong is mended, the next run goes on: mails that are others then are issued anew, and those that were put are
/// abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many dead letters a window may have.
    pub dead_letters: u64,
    /// How many of a thousand rows, and of a thousand messages, may be dead letters.
    pub dead_letters_per_mille: u64,
    /// So many dead letters are allowed whatever their share is: in a small window one is a large share.
    pub few_dead_letters: u64,
    /// By how many percentage points the share of people with an address may fall against the last seal.
    pub mapped_points: u64,
    /// By how many percent the directory may have shrunk against the last seal.
    pub directory_percent: u64,
    /// With fewer people, in this window or the one that it is compared with, shares of them say nothing; nor does the size of a directory that knew fewer.
    pub few_people: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dead_letters: 100,
            dead_letters_per_mille: 1,
            few_dead_letters: 10,
            mapped_points: 10,
            directory_percent: 10,
            few_people: 100,
        }
    }
}

impl Limits {
    /// Whether so many dead letters are too many of so many rows, or messages.
    fn too_many_dead_letters(&self, dead: u64, of: u64) -> bool {
        let share = u128::from(dead) * 1_000 > u128::from(of) * u128::from(self.dead_letters_per_mille);
        dead > self.dead_letters || (dead > self.few_dead_letters && share)
    }

    /// Whether the share of people with an address has fallen too far.
    fn too_few_mapped(&self, before: Census, now: Census) -> bool {
        let [mapped_before, asked_before, mapped, asked] = [before.mapped, before.asked, now.mapped, now.asked].map(u128::from);
        let fallen = (mapped_before * asked).saturating_sub(mapped * asked_before).saturating_mul(100);
        before.asked.min(now.asked) >= self.few_people && fallen > (asked_before * asked).saturating_mul(self.mapped_points.into())
    }

    /// Whether the directory has shrunk too far.
    fn too_small_a_directory(&self, before: u64, now: u64) -> bool {
        let lost = u128::from(before.saturating_sub(now)) * 100;
        before >= self.few_people && lost > u128::from(before) * u128::from(self.directory_percent)
    }
}

/// What a window is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standard {
    /// Of the last seal that tells it.
    directory: Option<u64>,
    /// Of the last seal with enough people.
    people: Option<Census>,
}

impl Standard {
    /// Takes what an earlier seal tells, where a later one did not.
    fn or(&mut self, seal: &Seal, limits: &Limits) {
        // Whoever wrote before 2000, the directory need not know.
        let Some(census) = seal.people.filter(|_| seal.span != Window::UNDATED.span()) else { return };
        self.directory = self.directory.or(census.directory);
        self.people = self.people.or(Some(census).filter(|census| census.asked >= limits.few_people));
    }
}

impl Progress {
    /// What the next window is compared with is this seal, as far as it tells.
    pub(super) fn compare_with(&mut self, seal: &Seal, limits: &Limits) {
        if let Some(known) = self.standard {
            let mut standard = Standard::default();
            standard.or(seal, limits);
            self.standard = Some(Standard { directory: standard.directory.or(known.directory), people: standard.people.or(known.people) });
        }
    }
}

impl Archiver {
    /// Compares the directory with the one of the last seal, before anything is written that it decides.
    pub(super) async fn check_directory(&self, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        let Some(now) = self.people.directory().size() else { return Ok(()) };
        let Some(before) = self.standard(progress, stop).await?.directory else { return Ok(()) };
        if !self.settings.limits.too_small_a_directory(before, now) {
            return Ok(());
        }
        let what = format!("the directory knows {now} JIDs, and knew {before} when the last window was sealed");
        let finding = self.over(Limit::Directory, None, what, "look whether it is complete; if it is")?;
        if !progress.report.findings.contains(&finding) {
            progress.report.findings.push(finding);
        }
        Ok(())
    }

    /// Looks whether a window may be sealed, and notes in the seal what was accepted. Of one that is sealed already, `known` is what its last entry says.
    pub(super) async fn check_limits(
        &self,
        seal: &mut Seal,
        window: &Window,
        known: Option<&Seal>,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<()> {
        let limits = &self.settings.limits;
        let [(dead_rows, rows), (dead_messages, messages)] = dead_letters(seal);
        let [(known_rows, _), (known_messages, _)] = known.map(dead_letters).unwrap_or_default();
        let (dead_rows, dead_messages) = (dead_rows.saturating_sub(known_rows), dead_messages.saturating_sub(known_messages));
        if dead_rows + dead_messages > limits.dead_letters
            || limits.too_many_dead_letters(dead_rows, rows)
            || limits.too_many_dead_letters(dead_messages, messages)
        {
            let what = format!("{dead_rows} of {rows} rows and {dead_messages} of {messages} messages could not be archived");
            let advice = "their letters in dead-letters say why (rows: columns, keys; messages: files, sizes); mend that, or,";
            seal.findings.push(self.over(Limit::DeadLetters, Some(window), what, advice)?);
        }
        if known.is_none()
            && !window.is_undated()
            && let Some(now) = seal.people
            && let Some(before) = self.standard(progress, stop).await?.people
            && limits.too_few_mapped(before, now)
        {
            let what = format!(
                "{} of {} people have an address in the directory, and {} of {} had when the last window was sealed",
                now.mapped, now.asked, before.mapped, before.asked
            );
            let advice = "look whether the directory is complete and `internal_domains` are right; if so,";
            seal.findings.push(self.over(Limit::MappedPeople, Some(window), what, advice)?);
        }
        Ok(())
    }

    /// An error; or, where somebody has accepted it, what is to be noted.
    fn over(&self, limit: Limit, window: Option<&Window>, what: String, advice: &str) -> Result<Finding> {
        if self.settings.accept.is_some() {
            return Ok(Finding::OverLimit { limit });
        }
        let error = Error::new(ErrorKind::Limit, ErrorClass::Fatal, "seal", what);
        let error = if let Some(window) = window { error.about(window) } else { error };
        Err(error.advise(format!("nothing more was sealed: {advice} go on with `--accept REASON`")))
    }

    /// What the last seals tell.
    async fn standard(&self, progress: &mut Progress, stop: &Stop<'_>) -> Result<Standard> {
        if let Some(standard) = progress.standard {
            return Ok(standard);
        }
        let mut standard = Standard::default();
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev().take(ENTRIES as usize) {
            let link = unless_stopped(stop, self.patience(stop).attempt(|| self.ledger.entry(number))).await??;
            if let EntryRecord::Seal(seal) = &link.entry.record {
                standard.or(seal, &self.settings.limits);
            }
            if standard.directory.is_some() && standard.people.is_some() {
                break;
            }
        }
        progress.standard = Some(standard);
        Ok(standard)
    }
}

/// How many rows of how many are dead letters, then how many messages.
fn dead_letters(seal: &Seal) -> [(u64, u64); 2] {
    // What an entry says may have been forged: a sum need not be a number.
    let sum = |of: fn(&TableAccount) -> u64| seal.tables.values().map(of).fold(0, u64::saturating_add);
    let (rows, dead_rows) = (sum(|account| account.rows), sum(|account| account.dead_letters));
    [(dead_rows, rows), (seal.messages.dead_letters, seal.messages.starts)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_too_many_above_a_number_or_a_share_and_a_few_never() {
        let limits = Limits::default();
        for (dead, of, too_many) in [
            (10, 10, false),
            (11, 11_000, false),
            (11, 10_999, true),
            (100, 100_000, false),
            (100, 99_999, true),
            (101, 10_000_000, true),
            (u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(limits.too_many_dead_letters(dead, of), too_many, "{dead} of {of}");
        }
    }

    #[test]
    fn the_share_of_people_with_an_address_may_fall_by_so_many_points_and_counts_from_so_many_people_on() {
        let limits = Limits::default();
        let census = |mapped, asked| Census { asked, mapped, directory: None };
        for (before, now, too_few) in [
            ((100, 100), (90, 100), false),
            ((100, 100), (89, 100), true),
            ((500, 1_000), (400, 1_000), false),
            ((500, 1_000), (399, 1_000), true),
            ((50, 100), (4_000, 10_000), false),
            ((50, 100), (3_999, 10_000), true),
            ((99, 99), (0, 1_000), false),
            ((1_000, 1_000), (0, 99), false),
            ((10, 100), (100, 100), false),
            ((u64::MAX, u64::MAX), (0, 100), true),
        ] {
            let [before, now] = [before, now].map(|(mapped, asked)| census(mapped, asked));
            assert_eq!(limits.too_few_mapped(before, now), too_few, "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_directory_may_shrink_by_so_many_percent_if_it_was_large_enough() {
        let limits = Limits::default();
        for (before, now, too_small) in
            [(100, 90, false), (100, 89, true), (99, 0, false), (15_000, 13_500, false), (15_000, 13_499, true), (100, 200, false)]
        {
            assert_eq!(limits.too_small_a_directory(before, now), too_small, "{before} {now}");
        }
    }
}
