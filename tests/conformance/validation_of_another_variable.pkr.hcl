variable "a" {
  default = 1
}
variable "v" {
  default = "abc"
  validation {
    condition     = var.a == 1
    error_message = "Must be.."
  }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
