variable "v" {
  default     = 1
  description = <<EOT
hello
you
EOT
}
variable "w" {
  default     = 1
  description = 5
  sensitive   = "false"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
