//! What a template of the old JSON format holds, in the peer's layout.

use crate::template::{Legacy, Template};

/// A line of the inspection: what a person reads, or a record that only programs are shown.
pub(super) enum Line {
    Say(String),
    /// Kind and fields.
    Record(&'static str, Vec<String>),
}

/// All lines in their order.
pub(super) fn lines(template: &Template, legacy: &Legacy, provisioners: &[String]) -> Vec<Line> {
    let mut lines = vec![say("Packer Inspect: JSON mode")];
    if let Some(description) = &legacy.description {
        lines.extend([say("Description:\n"), say(&format!("{description}\n"))]);
    }
    variables(legacy, &mut lines);
    lines.extend([say(""), say("Builders:\n")]);
    let sources = &template.sources;
    let width = sources.iter().map(|source| source.name.len()).max().unwrap_or(0);
    for source in sources {
        lines.push(Line::Record("template-builder", vec![source.name.clone(), source.kind.clone()]));
        let kind = if source.name == source.kind { String::new() } else { format!(" ({})", source.kind) };
        lines.push(say(&format!("  {:width$}{kind}", source.name)));
    }
    lines.extend([say(""), say("Provisioners:\n")]);
    if provisioners.is_empty() {
        lines.push(say("  <No provisioners>"));
    }
    for provisioner in provisioners {
        lines.push(Line::Record("template-provisioner", vec![provisioner.clone()]));
        lines.push(say(&format!("  {provisioner}")));
    }
    lines.push(say(
        "\nNote: If your build names contain user variables or template\nfunctions such as 'timestamp', these are \
         processed at build time,\nand therefore only show in their raw form here.",
    ));
    lines
}

fn variables(legacy: &Legacy, lines: &mut Vec<Line>) {
    let mut all: Vec<_> = legacy.variables.iter().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if all.is_empty() {
        lines.extend([say("Variables:\n"), say("  <No variables>")]);
        return;
    }
    let (required, optional): (Vec<_>, Vec<_>) = all.into_iter().partition(|variable| variable.default.is_none());
    if !required.is_empty() {
        lines.push(say("Required variables:\n"));
        for variable in required {
            let record = vec![variable.name.clone(), String::new(), "1".to_owned()];
            lines.extend([Line::Record("template-variable", record), say(&format!("  {}", variable.name))]);
        }
        lines.push(say(""));
    }
    lines.push(say("Optional variables and their defaults:\n"));
    let width = optional.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    for variable in optional {
        let default = match legacy.sensitive.contains(&variable.name) {
            true => "<sensitive>",
            false => variable.default.as_deref().unwrap_or_default(),
        };
        let record = vec![variable.name.clone(), default.to_owned(), "0".to_owned()];
        lines.push(Line::Record("template-variable", record));
        lines.push(say(&format!("  {:width$} = {default}", variable.name)));
    }
}

fn say(text: &str) -> Line {
    Line::Say(text.to_owned())
}
