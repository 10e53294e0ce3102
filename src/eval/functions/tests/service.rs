//! Functions that ask services: what they ask, and what becomes of the answers.

use std::sync::Arc;

use crate::eval::functions::{FunctionContext, Question, Secrets, Unanswered};
use crate::eval::scope::Scope;
use crate::eval::testing::{check_errors, eval};
use crate::value::{Type, Value};

/// Answers with the question itself.
#[derive(Debug)]
struct Echo;

impl Secrets for Echo {
    fn ask(&self, question: Question) -> Result<String, Unanswered> {
        match question {
            Question::ConsulKey { key } if key == "closed" => {
                Err(Unanswered { reason: "nobody is there".to_owned(), hint: Some("knock".to_owned()) })
            }
            question => Ok(format!("{question:?}")),
        }
    }
}

fn scope(secrets: Option<Arc<dyn Secrets>>) -> Scope {
    let mut scope = Scope::new(Arc::new(FunctionContext { secrets, ..FunctionContext::detached() }));
    scope.insert("t", "unknown", Value::unknown(Type::String));
    scope
}

#[test]
fn arguments_become_questions_and_answers_are_sensitive() {
    let scope = scope(Some(Arc::new(Echo)));
    for (text, question) in [
        ("vault(\"a/b\", 1)", Question::Vault { path: "a/b".into(), key: "1".into() }),
        ("consul_key(\"a\")", Question::ConsulKey { key: "a".into() }),
        ("aws_secretsmanager(\"a\", \"k\")", Question::AwsSecret { name: "a".into(), key: Some("k".into()) }),
        ("aws_secretsmanager(\"a\", null)", Question::AwsSecret { name: "a".into(), key: None }),
        ("aws_secretsmanager(\"a\", \"\")", Question::AwsSecret { name: "a".into(), key: None }),
        ("aws_secretsmanager_raw(\"a\")", Question::AwsSecretText { name: "a".into() }),
    ] {
        let value = eval(text, &scope).unwrap();
        assert_eq!((value.as_str(), value.sensitive), (Some(format!("{question:?}").as_str()), true), "{text}");
    }
    assert!(eval("upper(\"x ${consul_key(\"a\")}\")", &scope).unwrap().sensitive);
    check_errors(
        &scope,
        &[
            ("vault(\"a\")", "expects 2 arguments, 1 given"),
            ("vault(\"a\", null)", "must not be null"),
            ("aws_secretsmanager(null, \"a\")", "must not be null"),
            ("aws_secretsmanager(\"a\")", "expects 2 arguments"),
            ("consul_key([])", "string"),
            ("consul_key(\"closed\")", "error in function \"consul_key\": nobody is there"),
        ],
    );
}

#[test]
fn what_cannot_be_asked_is_unknown() {
    let asked = scope(Some(Arc::new(Echo)));
    assert!(eval("vault(t.unknown, \"k\")", &asked).unwrap().is_unknown());
    let silent = eval("vault(\"a\", \"k\")", &scope(None)).unwrap();
    assert!(silent.is_unknown() && silent.sensitive);
}
