use jabber_archive_core::FieldHasher;
use serde::Serialize;

use crate::archive::unique;

/// How many items' content a verification reads where it does not read all, and which choice of them it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// How many; where there are no more, all are read.
    pub items: u64,
    /// With the same seed the same items of the same archive are chosen, by every version and on every machine.
    pub seed: u64,
}

impl Sample {
    /// So many items, chosen anew by the system's randomness.
    pub fn new(items: u64) -> Self {
        // Readers of JSON keep 53 bits of a number.
        Self { items, seed: unique() >> 11 }
    }

    /// The choice of this seed.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// What a verification that did not read all items chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sampled {
    /// How many items were to be read.
    #[serde(rename = "sampled")]
    pub items: u64,
    /// How many the seals count.
    #[serde(rename = "sampled_from")]
    pub of: u64,
    /// What repeats the choice.
    pub seed: u64,
}

/// Chooses, item by item in the order of the lists.
#[derive(Debug)]
pub(super) enum Choice {
    All,
    Some(Draw),
}

/// Selection sampling (Knuth, The Art of Computer Programming, 3.4.2, algorithm S): uniform, and holds no item.
#[derive(Debug)]
pub(super) struct Draw {
    seed: u64,
    drawn: u64,
    wanted: u64,
    /// How many items are still to come.
    left: u64,
}

impl Choice {
    /// The choice among so many items; says so if it is not all of them.
    pub(super) fn among(items: u64, sample: Option<Sample>) -> (Self, Option<Sampled>) {
        match sample {
            Some(Sample { items: wanted, seed }) if wanted < items => {
                (Self::Some(Draw { seed, drawn: 0, wanted, left: items }), Some(Sampled { items: wanted, of: items, seed }))
            }
            _ => (Self::All, None),
        }
    }

    /// Whether the next item is to be read.
    pub(super) fn next(&mut self) -> bool {
        match self {
            Self::All => true,
            Self::Some(draw) => draw.next(),
        }
    }

    /// Passes over items that cannot be chosen, because nothing tells which they are.
    pub(super) fn pass(&mut self, items: u64) {
        if let Self::Some(draw) = self {
            draw.left = draw.left.saturating_sub(items);
        }
    }
}

impl Draw {
    fn next(&mut self) -> bool {
        let chosen = self.below(self.left) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u64::from(chosen);
        chosen
    }

    /// A number below `limit`, each as likely: the same for ever, as that of a library need not be.
    fn below(&mut self, limit: u64) -> u64 {
        let digest = FieldHasher::new().field("sample").field(&self.seed.to_string()).field(&self.drawn.to_string()).finish();
        self.drawn += 1;
        let high = digest.as_bytes()[..8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        ((u128::from(high) * u128::from(limit)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(items: u64, sample: Sample) -> Vec<u64> {
        let (mut choice, _) = Choice::among(items, Some(sample));
        (0..items).filter(|_| choice.next()).collect()
    }

    #[test]
    fn exactly_as_many_as_wanted_are_chosen() {
        for seed in 0..200 {
            for wanted in [0, 1, 7, 39, 40, 41] {
                assert_eq!(chosen(40, Sample::new(wanted).seeded(seed)).len() as u64, wanted.min(40));
            }
        }
    }

    #[test]
    fn every_item_is_chosen_as_often_as_any_other() {
        let mut times = [0_u32; 40];
        for seed in 0..4_000 {
            for item in chosen(40, Sample::new(10).seeded(seed)) {
                times[item as usize] += 1;
            }
        }
        // 1000 are expected, with a standard deviation of 27.
        assert!(times.iter().all(|times| (850..1_150).contains(times)), "{times:?}");
    }

    #[test]
    fn a_seed_repeats_its_choice_for_ever() {
        assert_eq!(chosen(100, Sample::new(5).seeded(42)), [6, 17, 34, 52, 79]);
        let seeds: std::collections::BTreeSet<u64> = (0..100).map(|_| Sample::new(1).seed).collect();
        assert!(seeds.len() > 90 && seeds.iter().all(|seed| *seed < 1 << 53));
    }

    #[test]
    fn what_cannot_be_chosen_is_made_up_for_by_what_comes_later() {
        for seed in 0..50 {
            let (mut choice, _) = Choice::among(40, Some(Sample::new(10).seeded(seed)));
            choice.pass(25);
            assert_eq!((0..15).filter(|_| choice.next()).count(), 10);
        }
    }
}
