//! The plan as a table for people.

use std::fmt::Write as _;

use super::PlannedImage;
use crate::plan::PlannedBuild;
use crate::run::event::StepTitle;

const HEADINGS: [&str; 4] = ["BUILD", "BUILDER", "PROVISIONERS", "POST-PROCESSORS"];

/// All builds below their image, with one set of columns, and their number.
pub(crate) fn table(planned: &[PlannedImage]) -> String {
    let rows: Vec<(String, Vec<[String; 4]>)> = planned
        .iter()
        .filter(|image| !image.plan.builds.is_empty())
        .map(|image| (title(image), image.plan.builds.iter().map(row).collect()))
        .collect();
    let count: usize = rows.iter().map(|(_, builds)| builds.len()).sum();
    if count == 0 {
        return "Nothing would be built.\n".to_owned();
    }
    let headings = HEADINGS.map(str::to_owned);
    let cells = || rows.iter().flat_map(|(_, builds)| builds).chain([&headings]);
    let widths: [usize; 3] = [0, 1, 2].map(|at| cells().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (title, builds) in &rows {
        let _ = writeln!(text, "{title}\n");
        for row in [&headings].into_iter().chain(builds) {
            let [a, b, c, d] = row;
            let [wide_a, wide_b, wide_c] = widths;
            let line = format!("  {a:wide_a$}  {b:wide_b$}  {c:wide_c$}  {d}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{count} build{} would run.", if count == 1 { "" } else { "s" });
    text
}

fn title(planned: &PlannedImage) -> String {
    let template = planned.template.display();
    match &planned.image {
        Some(image) => format!("{} ({template})", image.name),
        None => template.to_string(),
    }
}

fn row(build: &PlannedBuild) -> [String; 4] {
    let sequences: Vec<String> = build
        .sequences
        .iter()
        .map(|steps| steps.iter().map(|step| shown(&step.title)).collect::<Vec<_>>().join(" > "))
        .collect();
    let provisioners = counted(build.provisioners.iter().map(|step| shown(&step.title)));
    [build.title.name.clone(), build.title.builder.clone(), dash(provisioners), dash(sequences.join(", "))]
        .map(|cell| cell.replace(char::is_control, " "))
}

fn shown(step: &StepTitle) -> String {
    step.name.as_ref().map_or_else(|| step.component.clone(), |name| format!("{} ({name})", step.component))
}

/// In their order, those that follow their like counted.
fn counted(steps: impl Iterator<Item = String>) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some((last, count)) if *last == step => *count += 1,
            _ => runs.push((step, 1)),
        }
    }
    let shown = |(step, count): (String, usize)| if count == 1 { step } else { format!("{step} x{count}") };
    runs.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}
