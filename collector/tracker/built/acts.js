(()=>{var a=s=>{s.m=[],s.k=[],s.y=t=>(t.type=="click"||t.button==1)&&t.type!="submit"&&t.target.closest("a"),s.v(document,"click auxclick submit",t=>s.m.some(i=>i(t)),!0)};P.push(a);})();
