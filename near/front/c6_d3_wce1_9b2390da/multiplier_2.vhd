-- multiplier_2: combinational, made by machine.
-- generator: btfsynth 0.1.0
-- exact circuit: multiplier:2, 8 cells, depth 3
-- size: 6 cells, depth 3
-- error: wce 1, mae 0.25, mse 0.25, ep 0.25, mre 0.111111, wcre 1
-- cells: 6 (AND 5, OR 1, MAJ 0), inverters: 1, depth: 3
library ieee;
use ieee.std_logic_1164.all;

entity multiplier_2 is
    port (
        a : in std_logic_vector(1 downto 0);
        b : in std_logic_vector(1 downto 0);
        p : out std_logic_vector(3 downto 0)
    );
end entity multiplier_2;

architecture netlist of multiplier_2 is
    signal n1, n2, n3, n4, n5, n6 : std_logic;
begin
    n1 <= a(0) and b(1);
    n2 <= a(1) and b(0);
    n3 <= a(1) and b(1);
    n4 <= n1 and n2;
    n5 <= n1 or n2;
    n6 <= n3 and not n4;
    p(0) <= '0';
    p(1) <= n5;
    p(2) <= n6;
    p(3) <= n4;
end architecture netlist;
