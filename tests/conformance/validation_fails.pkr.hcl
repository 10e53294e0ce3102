variable "v" {
  default = "abc"
  validation {
    condition     = length(var.v) > 5
    error_message = "The v must be longer."
  }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
