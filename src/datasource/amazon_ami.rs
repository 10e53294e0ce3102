//! Data source `amazon-ami`: the image that owners and filters name.

use async_trait::async_trait;

use super::{DataSource, Entry, Found, Reading};
use crate::aws::{access, filter, source_image};
use crate::client::aws::Access;
use crate::client::aws::ec2::types::ImageQuery;
use crate::eval::fields::Fields;
use crate::value::{Type, Value};

const TEXTS: [&str; 5] = ["id", "name", "creation_date", "owner", "owner_name"];

pub(super) const ENTRY: Entry = Entry {
    name: "amazon-ami",
    decode,
    outputs: || {
        let texts = TEXTS.into_iter().map(|name| (name, Type::String));
        texts.chain([("tags", Type::Map(Box::new(Type::String)))]).collect()
    },
};

struct AmazonAmi {
    access: Access,
    query: ImageQuery,
    most_recent: bool,
}

fn decode(fields: &mut Fields<'_>) -> Option<Box<dyn DataSource>> {
    let before = fields.error_count();
    let access = access::decode(fields);
    access::polling(fields);
    let owners = fields.texts("owners").unwrap_or_default();
    if owners.is_empty() && !fields.is_unknown("owners") {
        let detail = "anybody can publish an image under any name; for example [\"099720109477\"] is Canonical";
        fields.error_at("owners", "\"owners\" is missing", detail);
    }
    let query = ImageQuery {
        owners,
        filters: filter::decode(fields, "key"),
        include_deprecated: fields.flag("include_deprecated").unwrap_or(false),
        ..ImageQuery::default()
    };
    let most_recent = fields.flag("most_recent").unwrap_or(false);
    (fields.error_count() == before).then(|| Box::new(AmazonAmi { access, query, most_recent }) as Box<dyn DataSource>)
}

#[async_trait]
impl DataSource for AmazonAmi {
    async fn read(&self, reading: &Reading<'_>) -> Result<Found, String> {
        let aws = reading.services.aws.get(&self.access, reading.redactor).await.map_err(|error| error.to_string())?;
        let image = source_image::the_one(&aws.ec2(), &self.query, self.most_recent).await;
        let image = image.map_err(|error| error.to_string())?;
        let texts = [image.id, image.name, image.creation_date, image.owner, image.owner_alias];
        let texts = TEXTS.into_iter().zip(texts).map(|(name, text)| (name.to_owned(), text.as_str().into()));
        let tags = image.tags.into_iter().map(|(key, value)| (key, Value::from(value.as_str())));
        let tags = ("tags".to_owned(), Value::map(Type::String, tags.collect()));
        Ok(Found { value: Value::object(texts.chain([tags]).collect()), warnings: Vec::new() })
    }
}
