//! The IAM policies of `docs/aws.md`, held to the calls that a lab saw.

use serde_json::Value;

use super::lab::Lab;

/// The JSON blocks of the document by their names.
#[track_caller]
pub(crate) fn documented(name: &str) -> Value {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/aws.md")).unwrap();
    let block = docs.split(&format!("```json {name}\n")).nth(1).unwrap_or_else(|| panic!("no block {name:?}"));
    serde_json::from_str(block.split("```").next().unwrap()).unwrap()
}

/// Every call so far is one that a policy of those names grants.
#[track_caller]
pub(crate) fn granted(lab: &Lab, names: &[&str]) {
    granted_but(lab, names, &[]);
}

/// The same, but for calls that are made in vain or to look whether there is something to clean up.
#[track_caller]
pub(crate) fn granted_but(lab: &Lab, names: &[&str], but: &[&str]) {
    let policies: Vec<Value> = names.iter().map(|name| documented(name)).collect();
    let statements: Vec<&Value> = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()).collect();
    let calls = lab.ask("calls", &Value::Null);
    let calls = calls.as_array().unwrap();
    assert!(!calls.is_empty());
    for call in calls {
        let (service, action) = (call["service"].as_str().unwrap(), call["action"].as_str().unwrap());
        // Need no right.
        if action == "GetCallerIdentity" || action == "GetSessionToken" || but.contains(&action) {
            continue;
        }
        // Some calls of S3 have the right of another.
        let action = match action {
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "PutObject",
            "HeadObject" => "GetObject",
            "DeleteObjects" => "DeleteObject",
            "ListObjectsV2" => "ListBucket",
            "ListMultipartUploads" => "ListBucketMultipartUploads",
            other => other,
        };
        let wanted = format!("{service}:{action}");
        // AWS asks for each thing that a call is about.
        let things = call["resources"].as_array().unwrap();
        let things = if things.is_empty() { std::slice::from_ref(&Value::Null) } else { things };
        for thing in things {
            let granted = statements.iter().any(|statement| grants(statement, &wanted, (thing, &call["form"])));
            assert!(granted, "the policies {names:?} do not grant {wanted} of {thing}");
        }
    }
}

fn grants(statement: &Value, action: &str, (thing, form): (&Value, &Value)) -> bool {
    assert_eq!(statement["Effect"], "Allow");
    let listed = texts(&statement["Action"]).contains(&action);
    let within = |name: &str| texts(&statement[name]).iter().any(|arn| fits(arn, thing));
    // Where the lab does not say what a call is about, every statement is about it.
    let unknown = thing["kind"].is_null();
    let named = unknown || if statement["NotResource"].is_null() { within("Resource") } else { !within("NotResource") };
    listed && named && holds(&statement["Condition"], (thing, form))
}

/// Whether an ARN names a thing, by its last part.
fn fits(arn: &str, thing: &Value) -> bool {
    let own = format!("{}/{}", thing["kind"].as_str().unwrap(), thing["id"].as_str().unwrap());
    let pattern = arn.rsplit(':').next().unwrap();
    pattern.strip_suffix('*').map_or(pattern == own, |begin| own.starts_with(begin))
}

fn holds(condition: &Value, (thing, form): (&Value, &Value)) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.flat_map(|(operator, keys)| keys.as_object().unwrap().iter().map(move |one| (operator, one))).all(
        |(operator, (key, wanted))| match (operator.as_str(), key.split_once('/')) {
            ("Null", Some((of, tag))) => {
                assert_eq!(wanted, "false", "the tag is wanted");
                let asked = if of == "aws:RequestTag" { thing["made"] == true } else { thing["made"] == false };
                asked && thing["tags"].get(tag).is_some()
            }
            ("ForAllValues:StringNotEqualsIgnoreCase", None) if key == "aws:TagKeys" => {
                let parameters = form.as_object().into_iter().flatten();
                let mut keys = parameters.filter(|(name, _)| name.starts_with("Tag.") && name.ends_with(".Key"));
                keys.all(|(_, key)| !texts(wanted).iter().any(|one| one.eq_ignore_ascii_case(key.as_str().unwrap())))
            }
            // What the lab does not know.
            ("StringEquals", None) if key == "iam:AWSServiceName" => true,
            // Of tags that another call gives to what it makes.
            ("StringEquals", None) if key == "ec2:CreateAction" => false,
            _ => panic!("a condition that this test does not know: {operator} {key}"),
        },
    )
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().map(|text| text.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}
