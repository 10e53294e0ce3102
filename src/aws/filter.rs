//! Filters of AWS's lists, as templates write them.

use std::collections::BTreeMap;

use crate::client::aws::ec2::types::Filters;
use crate::eval::fields::Fields;

/// The map `filters` overlaid by the repeated block `filter`; `key` is the name of the block's first option.
pub(crate) fn decode(fields: &mut Fields<'_>, key: &'static str) -> Filters {
    let mut written = fields.text_map("filters").unwrap_or_default();
    for block in fields.blocks("filter") {
        let mut inner = fields.nested(block);
        let name = inner.required_text(key).unwrap_or_default();
        written.insert(name, inner.text("value").unwrap_or_default());
        inner.finish();
    }
    split(&written)
}

/// A value is one record of a CSV file, so that it can name several.
fn split(written: &BTreeMap<String, String>) -> Filters {
    written.iter().map(|(name, value)| (name.clone(), record(value))).collect()
}

/// Fields between commas, without the spaces before them. A field that begins with a quote ends with the next single
/// one; two stand for one. A quote elsewhere is a letter like any other.
fn record(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let mut field = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            while let Some((part, after)) = quoted.split_once('"') {
                field.push_str(part);
                quoted = after;
                match after.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        quoted = more;
                    }
                    None if after.is_empty() || after.starts_with(',') => break,
                    None => field.push('"'),
                }
            }
            // What was never closed reaches to the end.
            let closed = quoted.is_empty() || quoted.starts_with(',');
            if !closed {
                field.push_str(quoted);
            }
            rest = if closed { quoted } else { "" };
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            field.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn a_value_may_name_several() {
        assert_eq!(record("ubuntu/*22.04*"), ["ubuntu/*22.04*"]);
        assert_eq!(record("a, b,c "), ["a", "b", "c "]);
        assert_eq!(record(r#""a, b", c"#), ["a, b", "c"]);
        assert_eq!(record(r#""say ""hi""",x"y"#), [r#"say "hi""#, r#"x"y"#]);
        assert_eq!(record(r#""open, end"#), ["open, end"]);
        assert_eq!(record(""), [""]);
    }
}
