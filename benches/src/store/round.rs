use std::{fmt, time::Duration};

/// What was measured in several rounds, under several names.
#[derive(Debug, Default)]
pub struct Rounds(Vec<(String, Vec<Duration>)>);

impl Rounds {
    /// Another round's time.
    pub fn add(&mut self, name: String, time: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(time),
            None => self.0.push((name, vec![time])),
        }
    }

    /// The rates of everything in so many items per second.
    pub fn rates(&self, items: usize) -> impl Iterator<Item = (&str, Spread)> {
        self.0.iter().map(move |(name, times)| (name.as_str(), Spread::of(times.iter().map(|time| items as f64 / time.as_secs_f64()))))
    }

    /// How many times faster one is than another, round by round, as the machine may be slower in one round than in the next.
    pub fn ratio(&self, one: &str, other: &str) -> Option<Spread> {
        let times = |name| Some(&self.0.iter().find(|(known, _)| known == name)?.1);
        let pairs = times(one)?.iter().zip(times(other)?);
        Some(Spread::of(pairs.map(|(one, other)| other.as_secs_f64() / one.as_secs_f64())))
    }
}

/// The middle of some figures, and their ends.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 0 { f64::midpoint(figures[middle - 1], figures[middle]) } else { figures[middle] };
        Self { median, least: figures[0], most: figures[figures.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(f, "{:>8.digits$}  ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}
