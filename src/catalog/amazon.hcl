# Options of the amazon plugin (github.com/hashicorp/amazon).

options "access" {
  access_key                    = string
  secret_key                    = string
  token                         = string
  region                        = string
  profile                       = string
  shared_credentials_file       = string
  custom_endpoint_ec2           = string
  decode_authorization_messages = bool
  insecure_skip_tls_verify      = bool
  max_retries                   = number
  mfa_code                      = string
  skip_credential_validation    = bool
  skip_metadata_api_check       = bool
  skip_region_validation        = bool
  assume_role {
    role_arn            = string
    duration_seconds    = number
    external_id         = string
    policy              = string
    policy_arns         = list(string)
    session_name        = string
    tags                = map(string)
    transitive_tag_keys = list(string)
  }
  aws_polling {
    delay_seconds = number
    max_attempts  = number
  }
  vault_aws_engine {
    name        = string
    role_arn    = string
    ttl         = string
    engine_name = string
  }
}

options "key_value" {
  key   = string
  value = string
}

options "name_value" {
  name  = string
  value = string
}

options "image_filter" {
  filters            = map(string)
  owners             = list(string)
  most_recent        = bool
  include_deprecated = bool
}

options "ami" {
  ami_name                       = string
  ami_description                = string
  ami_virtualization_type        = string
  ami_users                      = list(string)
  ami_groups                     = list(string)
  ami_org_arns                   = list(string)
  ami_ou_arns                    = list(string)
  ami_product_codes              = list(string)
  ami_regions                    = list(string)
  skip_region_validation         = bool
  snapshot_copy_duration_minutes = number
  tags                           = map(string)
  ena_support                    = bool
  sriov_support                  = bool
  force_deregister               = bool
  force_delete_snapshot          = bool
  encrypt_boot                   = bool
  kms_key_id                     = string
  region_kms_key_ids             = map(string)
  skip_save_build_region         = bool
  imds_support                   = string
  deprecate_at                   = string
  snapshot_tags                  = map(string)
  snapshot_users                 = list(string)
  snapshot_groups                = list(string)
  deregistration_protection {
    enabled       = bool
    with_cooldown = bool
  }
  tag "list" {
    use = [key_value]
  }
  snapshot_tag "list" {
    use = [key_value]
  }
}

options "run" {
  use                                       = [communicator]
  associate_public_ip_address               = bool
  availability_zone                         = string
  block_duration_minutes                    = number
  capacity_reservation_preference           = string
  capacity_reservation_id                   = string
  capacity_reservation_group_arn            = string
  disable_stop_instance                     = bool
  ebs_optimized                             = bool
  enable_nitro_enclave                      = bool
  enable_t2_unlimited                       = bool # deprecated
  enable_unlimited_credits                  = bool
  fleet_tags                                = map(string)
  iam_instance_profile                      = string
  skip_profile_validation                   = bool
  instance_type                             = string
  run_tags                                  = map(string)
  security_group_id                         = string
  security_group_ids                        = list(string)
  shutdown_behavior                         = string
  source_ami                                = string
  spot_allocation_strategy                  = string
  spot_instance_types                       = list(string)
  spot_price                                = string
  spot_price_auto_product                   = string # deprecated
  spot_tags                                 = map(string)
  subnet_id                                 = string
  temporary_security_group_source_cidrs     = list(string)
  temporary_security_group_source_public_ip = bool
  tenancy                                   = string # deprecated
  user_data                                 = string
  user_data_file                            = string
  vpc_id                                    = string
  windows_password_timeout                  = string
  ssh_interface                             = string
  pause_before_ssm                          = string
  session_manager_port                      = number
  source_ami_filter {
    use = [image_filter]
    filter "list" {
      use = [key_value]
    }
  }
  subnet_filter {
    filters   = map(string)
    most_free = bool
    random    = bool
    filter "list" {
      use = [name_value]
    }
  }
  vpc_filter {
    filters = map(string)
    filter "list" {
      use = [name_value]
    }
  }
  security_group_filter {
    filters = map(string)
    filter "list" {
      use = [name_value]
    }
  }
  temporary_iam_instance_profile_policy_document {
    Version = string
    Statement "list" {
      Effect   = string
      Action   = list(string)
      Resource = list(string)
    }
  }
  placement {
    host_resource_group_arn = string
    host_id                 = string
    tenancy                 = string
  }
  metadata_options {
    http_endpoint               = string
    http_tokens                 = string
    http_put_response_hop_limit = number
    instance_metadata_tags      = string
  }
  license_specifications "list" {
    license_configuration_request {
      license_configuration_arn = string
    }
  }
  run_tag "list" {
    use = [key_value]
  }
  spot_tag "list" {
    use = [key_value]
  }
  fleet_tag "list" {
    use = [key_value]
  }
}

options "device" {
  delete_on_termination = bool
  device_name           = string
  encrypted             = bool
  iops                  = number
  kms_key_id            = string
  no_device             = bool
  snapshot_id           = string
  throughput            = number
  virtual_name          = string
  volume_type           = string
  volume_size           = number
}

options "ami_devices" {
  ami_block_device_mappings "list" {
    use = [device]
  }
}

# How builders that register an image describe it.
options "registration" {
  ami_architecture = string
  boot_mode        = string
  uefi_data        = string
  tpm_support      = string
}

builder "amazon-ebs" {
  use               = [access, ami, run, ami_devices]
  skip_create_ami   = bool
  skip_ami_run_tags = bool
  no_ephemeral      = bool
  run_volume_tags   = map(string)
  launch_block_device_mappings "list" {
    use = [device]
  }
  run_volume_tag "list" {
    use = [name_value]
  }
  fast_launch {
    enable_fast_launch    = bool
    template_id           = string
    template_name         = string
    template_version      = number
    max_parallel_launches = number
    target_resource_count = number
    region_launch_templates "list" {
      region             = string
      enable_fast_launch = bool
      template_id        = string
      template_name      = string
      template_version   = number
    }
  }
}

builder "amazon-ebssurrogate" {
  use                  = [access, ami, run, ami_devices, registration]
  run_volume_tags      = map(string)
  skip_ami_run_tags    = bool
  snapshot_description = string
  use_create_image     = bool
  ami_root_device {
    source_device_name    = string
    device_name           = string
    delete_on_termination = bool
    iops                  = number
    volume_type           = string
    volume_size           = number
  }
  launch_block_device_mappings "list" {
    use                = [device]
    omit_from_artifact = bool
  }
  run_volume_tag "list" {
    use = [name_value]
  }
}

builder "amazon-ebsvolume" {
  use             = [access, run]
  ena_support     = bool
  sriov_support   = bool
  run_volume_tags = map(string)
  run_volume_tag "list" {
    use = [key_value]
  }
  ebs_volumes "list" {
    use                  = [device]
    tags                 = map(string)
    snapshot_volume      = bool
    snapshot_description = string
    snapshot_tags        = map(string)
    snapshot_users       = list(string)
    snapshot_groups      = list(string)
    tag "list" {
      use = [key_value]
    }
    snapshot_tag "list" {
      use = [key_value]
    }
  }
}

builder "amazon-chroot" {
  use                      = [access, ami, ami_devices, registration]
  chroot_mounts            = list(list(string))
  command_wrapper          = string
  copy_files               = list(string)
  device_path              = string
  nvme_device_path         = string
  from_scratch             = bool
  mount_options            = list(string)
  mount_partition          = string
  mount_path               = string
  post_mount_commands      = list(string)
  pre_mount_commands       = list(string)
  root_device_name         = string
  root_volume_size         = number
  root_volume_type         = string
  root_volume_encrypt_boot = bool
  root_volume_kms_key_id   = string
  root_volume_tags         = map(string)
  source_ami               = string
  source_ami_filter {
    use = [image_filter]
    filter "list" {
      use = [key_value]
    }
  }
  root_volume_tag "list" {
    use = [key_value]
  }
}

builder "amazon-instance" {
  use                   = [access, ami, run, ami_devices]
  account_id            = string
  bundle_destination    = string
  bundle_prefix         = string
  bundle_upload_command = string
  bundle_vol_command    = string
  s3_bucket             = string
  tpm_support           = string
  x509_cert_path        = string
  x509_key_path         = string
  x509_upload_path      = string
  launch_block_device_mappings "list" {
    use = [device]
  }
}

post-processor "amazon-import" {
  use               = [access]
  s3_bucket_name    = string
  s3_key_name       = string
  s3_encryption     = string
  s3_encryption_key = string
  skip_clean        = bool
  tags              = map(string)
  ami_name          = string
  ami_description   = string
  ami_users         = list(string)
  ami_groups        = list(string)
  ami_org_arns      = list(string)
  ami_ou_arns       = list(string)
  ami_encrypt       = bool
  ami_kms_key       = string
  imds_support      = string
  license_type      = string
  role_name         = string
  format            = string
  architecture      = string
  boot_mode         = string
  platform          = string
}

data "amazon-ami" {
  use = [access, image_filter]
  output "single" {
    id            = string
    name          = string
    creation_date = string
    owner         = string
    owner_name    = string
    tags          = map(string)
  }
}

data "amazon-secretsmanager" {
  use           = [access]
  name          = string
  key           = string
  version_id    = string
  version_stage = string
  output "single" {
    value         = string
    secret_string = string
    secret_binary = string
    version_id    = string
  }
}

data "amazon-parameterstore" {
  use             = [access]
  name            = string
  with_decryption = bool
  output "single" {
    value   = string
    version = number
    arn     = string
  }
}
