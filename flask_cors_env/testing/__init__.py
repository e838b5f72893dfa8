"""What users test their own policies with."""
