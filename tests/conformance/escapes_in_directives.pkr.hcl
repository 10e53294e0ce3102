locals {
  a = "%{ if true }x\ty\n%{ else }\"z%{ endif }"
  b = "%{ for x in ["1"] ~}\n  ${x}\u00e9%{ endfor }"
  c = "%{ if false }%{ else ~}  \\ q %{~ endif }|"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
