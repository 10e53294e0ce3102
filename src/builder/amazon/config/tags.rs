//! Tags as templates write them, and what they may say of the source image once it is known.

use std::collections::BTreeMap;

use crate::client::aws::ec2::types::{Image, Tags};
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Data, Interpolation};

/// The map `plural` overlaid by the repeated block `singular` with `key` (in one case called `name`) and `value`.
/// Keys and values are templates still.
pub(super) fn decode(
    fields: &mut Fields<'_>,
    plural: &'static str,
    singular: &'static str,
    key: &'static str,
) -> BTreeMap<String, String> {
    let seen = SourceFacts::stand_in();
    let mut tags = fields.template_map(plural, Some(&seen)).unwrap_or_default();
    for block in fields.blocks(singular) {
        let mut inner = fields.nested(block);
        let name = inner.template(key, Some(&seen)).unwrap_or_default();
        let value = inner.template("value", Some(&seen)).unwrap_or_default();
        if name.is_empty() {
            inner.error_at(key, format!("a {singular} block without {key:?}"), "a tag needs a name");
        }
        inner.finish();
        tags.insert(name, value);
    }
    tags
}

/// What late texts may say: the build region and the source image.
#[derive(Debug, Clone)]
pub(in crate::builder::amazon) struct SourceFacts {
    pairs: [(&'static str, String); 6],
    tags: Tags,
}

impl SourceFacts {
    pub(in crate::builder::amazon) fn new(region: &str, source: &Image) -> Self {
        let pairs = [
            ("BuildRegion", region.to_owned()),
            ("SourceAMI", source.id.clone()),
            ("SourceAMIName", source.name.clone()),
            ("SourceAMICreationDate", source.creation_date.clone()),
            ("SourceAMIOwner", source.owner.clone()),
            ("SourceAMIOwnerName", source.owner_alias.clone()),
        ];
        Self { pairs, tags: source.tags.clone() }
    }

    /// What late texts will see, without the values.
    pub(super) fn stand_in() -> Data {
        Self::new("", &Image::default()).data()
    }

    /// What `build.*` takes over; tags are not among it, as in the peer.
    pub(in crate::builder::amazon) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.pairs.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn data(&self) -> Data {
        let texts = |pairs: &Tags| pairs.iter().map(|(k, v)| (k.clone(), Data::Text(v.clone()))).collect();
        let mut all: BTreeMap<String, Data> =
            self.pairs().map(|(name, value)| (name.to_owned(), Data::Text(value.to_owned()))).collect();
        all.insert("SourceAMITags".to_owned(), Data::Map(texts(&self.tags)));
        Data::Map(all)
    }
}

/// Renders keys and values.
pub(in crate::builder::amazon) fn render_tags(
    tags: &BTreeMap<String, String>,
    interpolation: &Interpolation,
    facts: &SourceFacts,
) -> Result<Tags, String> {
    let mut rendered = Tags::new();
    for (key, value) in tags {
        rendered.insert(render_text(key, interpolation, facts)?, render_text(value, interpolation, facts)?);
    }
    Ok(rendered)
}

pub(in crate::builder::amazon) fn render_text(
    text: &str,
    interpolation: &Interpolation,
    facts: &SourceFacts,
) -> Result<String, String> {
    interpolation.render(text, &facts.data()).map_err(|error| format!("{text:?} cannot be rendered: {error}"))
}
