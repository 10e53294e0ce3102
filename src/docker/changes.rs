//! The `changes` of a commit: Dockerfile lines that the engine would refuse only after the whole build are refused
//! before it, and CMD and ENTRYPOINT of the source image are kept.

use serde_json::json;

/// Instructions that a commit takes, in any letter case.
const INSTRUCTIONS: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Why a line cannot be part of a commit.
pub(crate) fn check(line: &str) -> Result<(), String> {
    let word = instruction(line);
    if word.is_empty() {
        return Err("a change is empty".to_owned());
    }
    if !INSTRUCTIONS.contains(&word.as_str()) {
        return Err(format!(
            "{word} makes no change to an image's configuration; these do: {}",
            INSTRUCTIONS.join(", ")
        ));
    }
    let rest = line.trim_start()[word.len()..].trim();
    if rest.is_empty() {
        return Err(format!("{word} has no value"));
    }
    Ok(())
}

/// The lines to commit with: the container ran with an entry point of ours, so where no line sets CMD or ENTRYPOINT
/// the source image's is set again. `[""]` stands for none: the engine takes `[]` as "no change".
pub(crate) fn with_defaults(changes: &[String], cmd: &[String], entrypoint: &[String]) -> Vec<String> {
    let mut lines = changes.to_vec();
    for (word, source) in [("CMD", cmd), ("ENTRYPOINT", entrypoint)] {
        if !changes.iter().any(|line| instruction(line) == word) {
            let value = if source.is_empty() { json!([""]) } else { json!(source) };
            lines.push(format!("{word} {value}"));
        }
    }
    lines
}

fn instruction(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_a_commit_takes() {
        for line in ["ENV A=b", " expose 80", "CMD [\"a\"]", "onbuild RUN x", "LABEL a=b"] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
        for (line, part) in [
            ("RUN x", "RUN makes no change"),
            ("copy a b", "COPY makes no change"),
            ("", "empty"),
            ("USER ", "no value"),
        ] {
            assert!(check(line).unwrap_err().contains(part), "{line}");
        }
    }

    #[test]
    fn command_and_entry_point_of_the_source_are_kept() {
        let cmd = lines(&["nginx", "-g", "daemon \"off\";"]);
        assert_eq!(
            with_defaults(&lines(&["ENV A=1"]), &cmd, &[]),
            ["ENV A=1", r#"CMD ["nginx","-g","daemon \"off\";"]"#, r#"ENTRYPOINT [""]"#]
        );
        assert_eq!(with_defaults(&lines(&[" cmd x", "entrypoint y"]), &cmd, &cmd), [" cmd x", "entrypoint y"]);
    }
}
