SELECT from_domain, to_domain, site, status, last_verified
FROM mailroom.domain_pair
WHERE enabled AND NOT is_expired AND status = 'FAIL'
ORDER BY from_domain, to_domain, last_verified DESC NULLS LAST, site
