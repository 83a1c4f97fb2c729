variable "approvals" {
  description = "Require two persons for restores (docs/approvals.md). First apply `{}`: it creates the signing keys of the verifier and the monitor, and a secret for the policy file, which names their public halves. After you have added the secret's first version, apply `{ policy_version = \"1\" }`: it mounts the policy in every job at the fixed path, where it is enforced. `null`: no policy."
  type = object({
    policy_version = optional(string)
  })
  default = null

  validation {
    condition     = var.approvals == null ? true : var.approvals.policy_version == null ? true : can(regex("^[1-9][0-9]*$", var.approvals.policy_version))
    error_message = "approvals.policy_version must be the number of a version, such as \"1\": with \"latest\", anybody who may add a version could change the policy at once."
  }
}
