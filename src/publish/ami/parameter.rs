//! The parameters that name the image of a version, and whose they are when several versions are published at once.

use super::Promotion;
use crate::client::aws::AwsError;
use crate::client::aws::ec2::Ec2;
use crate::config::Name;
use crate::publish::Did;

impl Promotion<'_> {
    /// The parameter of each name; one without a place for it goes with `latest`.
    pub(super) fn parameters(&self, parameter: &str, names: &[(Name, String)]) -> Vec<(Name, String)> {
        let parameter = parameter.replace("{image}", &self.subject.image);
        let several = parameter.contains("{channel}");
        let each = names.iter().filter(|(name, _)| several || *name == Name::Latest);
        each.map(|(name, text)| (*name, parameter.replace("{channel}", text))).collect()
    }

    pub(super) async fn point(&self, region: &str, name: Name, parameter: &str, id: &str) -> Result<Did, AwsError> {
        let shown = format!("{region} {parameter} = {id}");
        match self.aws.image_parameter(region, parameter).await? {
            Some(found) if found == id => return Ok(Did::Already(shown)),
            Some(other) if name == Name::Version && !self.order.force => {
                return Ok(Did::Failed(format!(
                    "{region} {parameter} is another image, {other}: a version is published once. Use a new version, \
                     or --force"
                )));
            }
            _ => {}
        }
        if !self.order.dry {
            self.aws.set_image_parameter(region, parameter, id).await?;
        }
        Ok(Did::Done(shown))
    }

    /// Looks again whether there is a higher version, and gives it what is its own: of two runs at once one wrote a moving
    /// name last, and a run that ended before it looked again has left a name that is not its own. Yields the names with
    /// what became of them; `taken` are those that the image was given.
    pub(super) async fn settle(
        &self,
        ec2: &Ec2,
        region: &str,
        parameter: &str,
        (id, taken): (&str, &[(Name, String)]),
    ) -> Result<Vec<(Name, Did)>, AwsError> {
        let mut moving = self.parameters(parameter, &self.order.version.names(&self.subject.settings.names()));
        moving.retain(|(name, _)| *name != Name::Version);
        if moving.is_empty() {
            return Ok(Vec::new());
        }
        let existing = self.existing(ec2).await?;
        let mut settled = Vec::new();
        for (name, parameter) in moving {
            let rivals = existing.iter().filter(|(_, other)| self.order.version.competes(name, other));
            let higher = rivals.filter(|(_, other)| *other > self.order.version);
            let Some((image, version)) = higher.reduce(|a, b| if a.1 > b.1 { a } else { b }) else { continue };
            // One image may be two versions.
            if image.id == id {
                continue;
            }
            if taken.iter().any(|(known, _)| *known == name) {
                self.aws.set_image_parameter(region, &parameter, &image.id).await?;
                let text = format!("{region} {parameter}: it is of {version}, published meanwhile");
                settled.push((name, Did::Left(text)));
            } else if self.aws.image_parameter(region, &parameter).await?.as_deref() == Some(id) {
                self.aws.set_image_parameter(region, &parameter, &image.id).await?;
                let text = format!("{region} {parameter} = {}, given back to {version}", image.id);
                settled.push((name, Did::Done(text)));
            }
        }
        Ok(settled)
    }
}
