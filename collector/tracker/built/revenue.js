(()=>{var n=o=>{o.k.push(({"revenue-amount":e,"revenue-currency":r},u)=>{e&&r&&(u.revenue={amount:e,currency:r})})};P.push(n);})();
