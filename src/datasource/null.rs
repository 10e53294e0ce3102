//! Data source `null`: hands its input on, which makes a value part of the graph.

use async_trait::async_trait;

use super::{DataSource, Entry, Found, Reading};
use crate::eval::fields::Fields;
use crate::value::{Type, Value};

pub(super) const ENTRY: Entry = Entry { name: "null", decode, outputs: || vec![("output", Type::String)] };

struct Null {
    input: String,
}

fn decode(fields: &mut Fields<'_>) -> Option<Box<dyn DataSource>> {
    let input = fields.required_text("input")?;
    Some(Box::new(Null { input }))
}

#[async_trait]
impl DataSource for Null {
    async fn read(&self, _: &Reading<'_>) -> Result<Found, String> {
        let value = Value::object([("output".to_owned(), self.input.as_str().into())].into());
        Ok(Found { value, warnings: Vec::new() })
    }
}
