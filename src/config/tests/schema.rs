//! `docs/forge.schema.json` and the reader say the same: the same keys and words, and the same verdict on files.
//!
//! The checker below knows the few words of JSON Schema that ours uses and fails on any other, so no library for
//! all of them is needed.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::read_text;
use crate::config::event::{Do, EventClass};
use crate::config::{FailedRuns, Name, WithoutRecord, attestation, publish, reader, runner};

/// Words without meaning for the verdict.
const SILENT: [&str; 4] = ["$schema", "title", "description", "definitions"];

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forge.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn definition<'a>(root: &'a Value, name: &str) -> &'a Value {
    &root["definitions"][name]
}

fn holds(value: &Value, schema: &Value, root: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(word, rule)| match word.as_str() {
        word if SILENT.contains(&word) => true,
        "$ref" => holds(value, definition(root, rule.as_str().unwrap().strip_prefix("#/definitions/").unwrap()), root),
        "anyOf" => rule.as_array().unwrap().iter().any(|one| holds(value, one, root)),
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => match rule {
            Value::Array(types) => types.iter().any(|ty| is(value, ty.as_str().unwrap())),
            ty => is(value, ty.as_str().unwrap()),
        },
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| holds(item, rule, root))),
        "minProperties" => value.as_object().is_none_or(|members| members.len() as u64 >= rule.as_u64().unwrap()),
        "required" => value.as_object().is_none_or(|members| {
            rule.as_array().unwrap().iter().all(|key| members.contains_key(key.as_str().unwrap()))
        }),
        "properties" | "patternProperties" | "additionalProperties" => members(value, schema, root),
        other => panic!("the checker does not know {other:?}"),
    })
}

fn is(value: &Value, ty: &str) -> bool {
    match ty {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the checker does not know the type {other:?}"),
    }
}

/// The rules for the members of an object, which belong together.
fn members(value: &Value, schema: &Value, root: &Value) -> bool {
    assert_eq!(schema["additionalProperties"], false, "every object is closed");
    let Some(members) = value.as_object() else { return true };
    members.iter().all(|(key, value)| {
        let named = schema["properties"].get(key);
        let patterns = schema["patternProperties"].as_object();
        let matching = patterns.into_iter().flatten().find(|(pattern, _)| Regex::new(pattern).unwrap().is_match(key));
        named.or(matching.map(|(_, rule)| rule)).is_some_and(|rule| holds(value, rule, root))
    })
}

fn keys(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn words(schema: &Value) -> BTreeSet<&str> {
    schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn keys_and_words_are_those_of_the_reader() {
    let schema = schema();
    assert_eq!(keys(&schema), reader::KEYS.into());
    assert_eq!(keys(definition(&schema, "image")), reader::IMAGE_KEYS.into());
    assert_eq!(keys(definition(&schema, "defaults")), reader::IMAGE_KEYS[1..].iter().copied().collect());
    assert_eq!(keys(&definition(&schema, "runs-on")["anyOf"][1]), runner::KEYS.into());
    let on = definition(&schema, "on");
    assert_eq!(keys(on), EventClass::ALL.map(EventClass::name).into());
    let all = &words(definition(&schema, "do-or-publish")) | &words(definition(&schema, "do-or-preview"));
    assert_eq!(all, Do::ALL.map(Do::name).into());
    let of_publish = definition(&schema, "publish");
    assert_eq!(keys(of_publish), publish::KEYS.into());
    assert_eq!(keys(&of_publish["properties"]["attestation"]), attestation::KEYS.into());
    assert_eq!(words(&of_publish["properties"]["tags"]["items"]), Name::ALL.map(Name::word).into());
    let of = |key: &str| words(&of_publish["properties"][key]);
    assert_eq!(of("without-record"), WithoutRecord::WORDS.map(|(word, _)| word).into());
    assert_eq!(of("failed-runs"), FailedRuns::WORDS.map(|(word, _)| word).into());
    for event in EventClass::ALL {
        let rule = &on["properties"][event.name()];
        let referred = rule.get("$ref").map(|name| name.as_str().unwrap().rsplit_once('/').unwrap().1);
        let rule = referred.map_or(rule, |name| definition(&schema, name));
        let allowed = Do::ALL.into_iter().filter(|what| event.allows(*what)).map(Do::name).collect();
        assert_eq!(words(rule), allowed, "{}", event.name());
        let told = format!("[{}]", event.default().name());
        let description = on["properties"][event.name()]["description"].as_str().unwrap();
        assert!(description.ends_with(&told), "{description}");
    }
}

/// Files that both take, and files that both refuse. What only the reader can know (paths that lead out by `..`, broken
/// patterns) is not among them.
#[test]
fn verdicts_are_those_of_the_reader() {
    let (schema, page) = (schema(), Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md"));
    let page = std::fs::read_to_string(page).unwrap();
    let image = |text: &str| format!("images: {{a: {{template: t, {text}}}}}");
    let mut good: Vec<String> =
        page.split("```yaml\n").skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect();
    assert!(!good.is_empty());
    for text in [
        "vars: {a: 1, _b: x, c-d: [1, {x: y}], e: true, é: {}}",
        "var-files: [], only: [a], except: []",
        "runs-on: x",
        "runs-on: [x, y]",
        "runs-on: {group: g, labels: [l]}",
        "on: {}",
        "on: {fork: plan, comment: build, pull_request: preview}",
        "on: {tag: publish, manual: publish, release: build}",
        "publish: {}",
        "publish: {repositories: [ghcr.io/org/web, web, 'localhost:5000/web'], tags: [version, channel], users: ['123456789012']}",
        "publish: {regions: [eu-west-1], groups: [all], image-tags: {Name: x, forgery: y}, deprecate-after: 90d}",
        "publish: {organizations: ['arn:aws:organizations::123456789012:ou/o-1/ou-2'], without-record: build}",
        "publish: {ssm-parameter: '/forge/{image}/{channel}'}",
        "publish: {attestation: {required: false}, without-record: build}",
        "publish: {attestation: {signer-workflow: org/web/.github/workflows/build.yml, trusted-root: a/roots.jsonl}}",
        "publish: {attestation: {signer-workflow: [org/web/.github/workflows/*@refs/**], issuer: 'https://x.example/org'}}",
        "publish: {failed-runs: accept, wait-for-build: 0s, tag-prefix: images/web-v}",
    ] {
        good.push(image(text));
    }
    good.push("version: 1\ndefaults: {vars: {}}\nimages: {22.04: {template: .}}".to_owned());
    let mut bad: Vec<String> = [
        "[]",
        "images: {}",
        "images: []",
        "version: 1",
        "version: 2\nimages: {a: {template: t}}",
        "imagse: {a: {template: t}}",
        "images: {-a: {template: t}}",
        "images: {a: {}}",
        "images: {a: }",
        "images: {a: {template: /t}}",
        "images: {a: {template: ''}}",
        "images: {a: {template: 1}}",
        "defaults: {template: t}\nimages: {a: {template: t}}",
    ]
    .map(str::to_owned)
    .to_vec();
    for text in [
        "vras: {}",
        "vars: []",
        "vars: {1a: x}",
        "vars: {a: }",
        "var-files: x",
        "var-files: [/x]",
        "only: [1]",
        "only: ['']",
        "except: x",
        "runs-on: 1",
        "runs-on: []",
        "runs-on: {}",
        "runs-on: {label: x}",
        "on: build",
        "on: {pul_request: build}",
        "on: {push: biuld}",
        "on: {push: publish}",
        "on: {fork: build}",
        "on: {fork: preview}",
        "on: {push: preview}",
        "publish: x",
        "publish: {repository: a}",
        "publish: {repositories: [ghcr.io/Org/web]}",
        "publish: {repositories: ['ghcr.io/org/web:1']}",
        "publish: {tags: [patch]}",
        "publish: {tags: []}",
        "publish: {regions: [ireland]}",
        "publish: {users: ['1']}",
        "publish: {groups: [any]}",
        "publish: {organizations: [o-1]}",
        "publish: {image-tags: {'forge:run': x}}",
        "publish: {deprecate-after: 12h}",
        "publish: {ssm-parameter: x}",
        "publish: {ssm-parameter: '/{tag}'}",
        "publish: {without-record: no-way}",
        "publish: {attestation: true}",
        "publish: {attestation: {}}",
        "publish: {attestation: {required: yes-please}}",
        "publish: {attestation: {signer-workflow: build.yml}}",
        "publish: {attestation: {signer-workflow: []}}",
        "publish: {attestation: {signer-workflow: 'org/web/.github/workflows/build.yml@'}}",
        "publish: {attestation: {signer-workflow: [org/web/.github/workflows/a/b.yml]}}",
        "publish: {attestation: {trusted-root: /roots}}",
        "publish: {attestation: {issuer: 'http://x.example'}}",
        "publish: {failed-runs: ignore}",
        "publish: {wait-for-build: 30}",
        "publish: {wait-for-build: 90d}",
        "publish: {wait-for-build: 12345m}",
        "publish: {tag-prefix: ''}",
        "publish: {tag-prefix: 'web:'}",
    ] {
        bad.push(image(text));
    }
    for (texts, verdict) in [(good, true), (bad, false)] {
        for text in texts {
            let value: Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(holds(&value, &schema, &schema), verdict, "the schema on {text}");
            assert_eq!(read_text(&text).is_ok(), verdict, "the reader on {text}");
        }
    }
}
