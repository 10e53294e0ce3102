//! Name of the session in which a role is taken. It shows in AWS's audit log, and is the same at each renewal.

/// What AWS takes, in characters.
const LONGEST: usize = 64;

/// Whose session it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Session<'a> {
    pub run: &'a str,
    pub attempt: &'a str,
    pub job: &'a str,
    /// What tells jobs of one matrix apart, which share all of the above; empty without a matrix.
    pub cell: &'a str,
}

impl Session<'_> {
    /// `forge-<run>-<attempt>-<job>-<cell>` as far as they are known, in the characters that AWS takes. What is too long
    /// is shortened by its job, then by its cell.
    pub(crate) fn name(&self) -> String {
        let head = joined(&["forge", self.run, self.attempt]);
        let cell: String = plain(self.cell).take(LONGEST.saturating_sub(head.len() + 1)).collect();
        let tail = if cell.is_empty() { cell } else { format!("-{cell}") };
        let room = LONGEST.saturating_sub(head.len() + tail.len() + 1);
        let job: String = plain(self.job).take(room).collect();
        let mut name = joined(&[head.as_str(), job.as_str()]) + &tail;
        name.truncate(LONGEST);
        name
    }
}

fn joined(parts: &[&str]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.map(|part| plain(part).collect()).collect::<Vec<String>>().join("-")
}

/// A dash for each character that AWS does not take: what is left is ASCII.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' })
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    #[test]
    fn run_attempt_and_cell_are_never_cut() {
        let session = Session { run: "12345678901", attempt: "2", job: "build (ubuntu/24.04)", cell: "7" };
        assert_eq!(session.name(), "forge-12345678901-2-build--ubuntu-24.04--7");
        let long = "a-job-of-a-reusable-workflow-that-somebody-named-at-length";
        let cells = ["7", "17", "web-1"].map(|cell| Session { job: long, cell, ..session }.name());
        for (name, cell) in cells.iter().zip(["-7", "-17", "-web-1"]) {
            assert!(
                name.len() == 64 && name.starts_with("forge-12345678901-2-a-job-of-") && name.ends_with(cell),
                "{name}"
            );
        }
        assert_eq!(Session { cell: "", ..session }.name(), "forge-12345678901-2-build--ubuntu-24.04-");
        assert_eq!(Session { run: "1", ..Session::default() }.name(), "forge-1");
        assert_eq!(Session::default().name(), "forge");
    }

    /// Any text from a few characters to many times what fits, of all that may be in an id or that a hostile one may hold.
    fn text(random: &mut StdRng) -> String {
        const PIECES: [&str; 12] = ["a", "Z9", "_", "é", "漢", "🦀", " ", "/", "\n", "=,.@+", "-", "\u{0}"];
        let most = [0, 3, 20, 90][random.random_range(0..4)];
        let pieces = random.random_range(0..=most);
        (0..pieces).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect()
    }

    #[test]
    fn any_ids_make_a_name_that_aws_takes() {
        let taken = regex::Regex::new(r"^[0-9A-Za-z_+=,.@-]{2,64}$").unwrap();
        for seed in 0..5_000 {
            let random = &mut StdRng::seed_from_u64(seed);
            let [run, attempt, job, cell] = [0; 4].map(|_| text(random));
            let session = Session { run: &run, attempt: &attempt, job: &job, cell: &cell };
            let name = session.name();
            assert!(taken.is_match(&name) && name.starts_with("forge"), "seed {seed}: {session:?} gives {name:?}");
            assert_eq!(name, session.name(), "the same at each renewal");
        }
    }

    #[test]
    fn cells_of_a_matrix_have_names_of_their_own() {
        for seed in 0..1_000 {
            let random = &mut StdRng::seed_from_u64(seed);
            let (run, job) = (random.random_range(1..99_999_999_999_u64).to_string(), text(random));
            let name = |cell: u8| {
                let cell = cell.to_string();
                Session { run: &run, attempt: "1", job: &job, cell: &cell }.name()
            };
            let names: std::collections::BTreeSet<String> = (0..=255).map(name).collect();
            assert_eq!(names.len(), 256, "seed {seed}: {job:?}");
        }
    }
}
