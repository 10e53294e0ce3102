//! The tables of options and the decoders of our own components know the same names.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::builder;
use crate::catalog::{Options, Role, find};
use crate::client::Services;
use crate::datasource;
use crate::diagnostic::{Diagnostics, SourceMap, Span};
use crate::eval::block::{Attr, Block, Body};
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;
use crate::post_processor;
use crate::provisioner;
use crate::value::Value;

/// What decoding says of options that nobody asked for, when every option of the table is given, with a value that is
/// not known.
fn refused(options: &Options, decode: &dyn Fn(&mut Fields<'_>)) -> Vec<String> {
    let span = Span::new(SourceMap::new().add("t.pkr.hcl", String::new()), 0..0);
    let attrs = |options: &Options| -> IndexMap<String, Attr> {
        let attr = |(name, ty): (&String, &crate::value::Type)| {
            (name.clone(), Attr { value: Value::unknown(ty.clone()), name_span: span, value_span: span })
        };
        options.attributes.iter().map(attr).collect()
    };
    let block = |(kind, nested): (&String, &crate::catalog::Nested)| {
        let mut body = Body::new(span);
        body.attrs = attrs(&nested.options);
        Block { kind: kind.clone(), labels: Vec::new(), span, body }
    };
    let mut body = Body::new(span);
    body.attrs = attrs(options);
    body.blocks = options.blocks.iter().map(block).collect();
    let interpolation = Interpolation {
        build_name: Some("n".to_owned()),
        build_type: Some("t".to_owned()),
        started: std::time::SystemTime::UNIX_EPOCH,
        cwd: "/nowhere".into(),
        version: "1".to_owned(),
        frozen: false,
        legacy: None,
    };
    let mut diagnostics = Diagnostics::new();
    let mut fields = Fields::new("component", body, &interpolation, &mut diagnostics);
    decode(&mut fields);
    fields.finish();
    let summaries = diagnostics.iter().map(|diagnostic| diagnostic.summary.clone());
    summaries.filter(|text| text.starts_with("unknown option") || text.starts_with("unknown block")).collect()
}

#[test]
fn our_components_take_what_the_tables_name() {
    let services = Arc::new(Services::default());
    let mut wrong = BTreeSet::new();
    let mut check = |role: Role, name: &str, decode: &dyn Fn(&mut Fields<'_>)| match find(role, name) {
        None => drop(wrong.insert(format!("{name} is in no table"))),
        Some(component) => {
            wrong.extend(refused(&component.options, decode).into_iter().map(|text| format!("{name}: {text}")));
        }
    };
    for (name, decode) in builder::TABLE {
        check(Role::Builder, name, &|fields| drop(decode(fields, &services)));
    }
    for (name, decode) in provisioner::TABLE {
        check(Role::Provisioner, name, &|fields| drop(decode(fields, &services)));
    }
    for (name, decode) in post_processor::TABLE {
        check(Role::PostProcessor, name, &|fields| drop(decode(fields, &services)));
    }
    for entry in datasource::TABLE {
        check(Role::Data, entry.name, &|fields| drop((entry.decode)(fields)));
    }
    assert_eq!(wrong, BTreeSet::new());
}
