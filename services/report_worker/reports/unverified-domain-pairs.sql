SELECT from_domain, to_domain, site, status, last_verified
FROM mailroom.domain_pair
WHERE enabled AND NOT is_expired AND (last_verified IS NULL OR last_verified < %(nominal_at)s - %(interval)s)
ORDER BY last_verified NULLS FIRST, from_domain, to_domain, site
