//! Starting one instance.

use super::types::{Instance, Launch};
use super::{Ec2, convert};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::USUAL;
use crate::run::cancel::Cancel;

impl Ec2 {
    /// Starts one instance; tried again while a profile or group that was just made is not visible yet. The request's
    /// token keeps a repeated call from starting a second one.
    pub(crate) async fn run_instance(&self, launch: &Launch, cancel: &Cancel) -> Result<Instance, AwsError> {
        let request = self.run_instances(launch);
        let started = USUAL
            .run(cancel, not_visible_yet, || async { self.answer("RunInstances", request.clone().send().await).await });
        let instance = started.await?.instances.unwrap_or_default().into_iter().next();
        super::image::given(instance.map(convert::instance), "RunInstances", "instance")
    }
}

/// What was made a moment ago takes seconds until EC2 knows it.
pub(super) fn not_visible_yet(error: &AwsError) -> bool {
    error.is(&["InvalidGroup.NotFound", "InvalidKeyPair.NotFound"])
        || (error.is(&["InvalidParameterValue"])
            && (error.message_has("iamInstanceProfile") || error.message_has("IAM Instance Profile")))
}
