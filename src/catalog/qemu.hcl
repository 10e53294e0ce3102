# Options of the qemu plugin (github.com/hashicorp/qemu).

builder "qemu" {
  use                  = [http_config, iso_config, vnc_config, shutdown_config, communicator, floppy_config, cd_config]
  ssh_host_port_min    = number # deprecated
  ssh_host_port_max    = number # deprecated
  host_port_min        = number
  host_port_max        = number
  skip_nat_mapping     = bool
  iso_skip_cache       = bool
  accelerator          = string
  disk_additional_size = list(string)
  cpus                 = number
  sockets              = number
  cores                = number
  threads              = number
  cpu_model            = string
  firmware             = string
  use_pflash           = bool
  disk_interface       = string
  disk_size            = string
  skip_resize_disk     = bool
  disk_cache           = string
  disk_discard         = string
  disk_detect_zeroes   = string
  skip_compaction      = bool
  disk_compression     = bool
  format               = string
  headless             = bool
  disk_image           = bool
  use_backing_file     = bool
  machine_type         = string
  memory               = number
  net_device           = string
  net_bridge           = string
  output_directory     = string
  qemuargs             = list(list(string))
  qemu_img_args {
    convert = list(string)
    create  = list(string)
    resize  = list(string)
  }
  qemu_binary         = string
  qmp_enable          = bool
  qmp_socket_path     = string
  use_default_display = bool
  vga                 = string
  display             = string
  vnc_bind_address    = string
  vnc_use_password    = bool
  vnc_password        = string
  vnc_port_min        = number
  vnc_port_max        = number
  vm_name             = string
  cdrom_interface     = string
  vtpm                = bool
  use_tpm1            = bool
  tpm_device_type     = string
  boot_steps          = list(list(string))
  efi_boot            = bool
  efi_firmware_code   = string
  efi_firmware_vars   = string
  efi_drop_efivars    = bool
  run_once            = bool
}
