//! The one image that ids, owners and filters name.

use crate::client::aws::AwsError;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Filters, Image, ImageQuery};

/// Names of images that a message about too many of them lists.
const LISTED: usize = 5;

/// Finds it with one call. Of several the newest, when that is what is asked for; else several are an error.
pub(crate) async fn the_one(ec2: &Ec2, query: &ImageQuery, most_recent: bool) -> Result<Image, AwsError> {
    let mut found = ec2.images(query).await?;
    if found.len() > 1 && !most_recent {
        return Err(AwsError::Unexpected(too_many(query, &found, ec2.region())));
    }
    // RFC 3339 in UTC: the order of texts is the order of times.
    found.sort_by(|a, b| a.creation_date.cmp(&b.creation_date));
    found.pop().ok_or_else(|| {
        AwsError::Unexpected(format!(
            "no source image was found in {} for {}; check the region, the owners and the pattern of the name",
            ec2.region(),
            shown(query)
        ))
    })
}

fn too_many(query: &ImageQuery, found: &[Image], region: &str) -> String {
    let mut names: Vec<&str> = found.iter().map(|image| image.name.as_str()).collect();
    names.sort_unstable();
    let more = if names.len() > LISTED { ", ..." } else { "" };
    names.truncate(LISTED);
    format!(
        "{} images in {region} match {}: {}{more}; narrow the filters, or set most_recent = true to take the newest",
        found.len(),
        shown(query),
        names.join(", ")
    )
}

fn shown(query: &ImageQuery) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !query.ids.is_empty() {
        parts.push(format!("id {}", query.ids.join(", ")));
    }
    if !query.owners.is_empty() {
        parts.push(format!("owners {}", query.owners.join(", ")));
    }
    parts.extend(filters_shown(&query.filters));
    parts.join(", ")
}

/// One text per filter, `name = value, value`.
pub(crate) fn filters_shown(filters: &Filters) -> impl Iterator<Item = String> + '_ {
    filters.iter().map(|(name, values)| format!("{name} = {}", values.join(" or ")))
}
