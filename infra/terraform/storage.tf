# Stored data: archives, images, and the ledger of finished records.

resource "google_storage_bucket" "source" {
  name                        = "${var.project}-switchyard-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # archives can be built again

  versioning {
    enabled = true
  }

  # Terraform removes an archive when a newer one replaces it; the old version stays readable for a while.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 90
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "switchyard"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the functions"

  # A revision starts from its image, so the images of earlier revisions must stay.
  cleanup_policies {
    id     = "keep-the-last-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-old-ones"
    action = "DELETE"

    condition {
      older_than = "7776000s" # 90 days
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_bigquery_dataset" "ledger" {
  dataset_id  = "switchyard_ledger"
  location    = var.bigquery_location
  description = "What was taken of the source and when it may be taken again, so that no run reads it before (docs/bigquery.md)"

  # Nothing expires: a row whose note is lost would stand before those that were never taken.

  # The ledger only saves work: without a row, the database decides.
  delete_contents_on_destroy = true

  depends_on = [google_project_service.api]
}
